"""Lines to the exchange through DAHDI: ISDN and analogue cards, found, configured and watched."""
