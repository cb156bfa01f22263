"""Two ends of a connection, and every order in which they can act."""
