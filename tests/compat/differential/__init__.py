"""The same programs run on two implementations of h2, and what they did compared step by step."""
