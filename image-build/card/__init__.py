"""Makes the card image of the box from Debian's packages, without running their scripts."""
