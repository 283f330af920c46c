"""What models cost: a table of prices that is the user's, with dated defaults."""
