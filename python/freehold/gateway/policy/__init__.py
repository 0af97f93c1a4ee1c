"""What may leave, and who decides it: rules over a request's body, one decision with its reasons, circuit breakers."""
