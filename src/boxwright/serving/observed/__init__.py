"""What operators see: health, metrics, the log, and the threads that look after the rest."""
