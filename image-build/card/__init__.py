"""Makes the card image of the box from Debian's packages, without root and without running their scripts."""
