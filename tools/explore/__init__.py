"""Two ends of this package, and every order in which they can act."""
