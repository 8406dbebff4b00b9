"""How well a prediction fits a response, and how reliable the response itself is. One score in each file."""
