"""The documents' pictures, and those of what is measured here, as PNG and SVG. Needs the `report` extra."""
