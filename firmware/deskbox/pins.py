"""The pins; written by hardware/generate.py from hardware/pins.toml."""

BUTTON = 15
RED = 16
GREEN = 17
BLUE = 18
BUZZER = 19
UART_TX = 0
UART_RX = 1
SENDING = 2
ON_A_BUS = 3
