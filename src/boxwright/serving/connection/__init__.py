"""One HTTP/1.1 connection: how its bytes are read, bounded and closed, and the account of all of them."""
