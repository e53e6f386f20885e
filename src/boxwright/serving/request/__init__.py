"""The way of one request, in the order of its steps: `counted`, `callers`, `deadline`, `body`, `asked`, `admission`, `lane`, `answer`."""
