"""Which bundle answers: what is wanted (`wanted`, `rollout`), how it is loaded (`loading`, `retries`) and takes its place (`slot`)."""
