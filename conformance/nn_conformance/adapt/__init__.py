"""A target in its own conventions, as the ladder asks it: claims, conventions, and doors for what people write."""
