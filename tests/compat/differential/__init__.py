"""Run the same programs on two implementations of h2 and compare them step by step."""
