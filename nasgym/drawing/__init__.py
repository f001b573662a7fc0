"""Pictures of architectures: text for terminals, SVG for pages."""
