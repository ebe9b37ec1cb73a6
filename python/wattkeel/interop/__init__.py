"""Exchange with other programs. Each format is a module; none is loaded unless it is asked for."""
