"""What a token costs on hardware that is owned."""
