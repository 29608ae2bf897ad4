"""What a model file does with odd, extreme and broken inputs, how fast it is, and what memory it takes."""
