"""What a failure comes from: a convention that is declared wrongly, or a mistake."""
