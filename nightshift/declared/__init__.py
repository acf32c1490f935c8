"""What declarations mean: what is built in, checks between them, their SQL, and what follows from them."""
