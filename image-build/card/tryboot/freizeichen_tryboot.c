// SPDX-License-Identifier: GPL-2.0
/*
 * Asks the Raspberry Pi's firmware to take tryboot.txt instead of config.txt at the next start, once.
 * Being loaded is all it does: the kernel of kernel.org does not hand reboot's "0 tryboot" on.
 */
#include <linux/module.h>
#include <linux/of.h>
#include <soc/bcm2835/raspberrypi-firmware.h>

#define SET_REBOOT_FLAGS 0x00038064
#define TRYBOOT 1

static int __init ask(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "raspberrypi,bcm2835-firmware");
	struct rpi_firmware *firmware;
	u32 flags = TRYBOOT;
	int failed;

	if (!node)
		return -ENODEV;
	firmware = rpi_firmware_get(node);
	of_node_put(node);
	if (!firmware)
		return -ENODEV;
	failed = rpi_firmware_property(firmware, SET_REBOOT_FLAGS, &flags, sizeof(flags));
	rpi_firmware_put(firmware);
	return failed;
}

static void __exit forget(void)
{
}

module_init(ask);
module_exit(forget);
MODULE_DESCRIPTION("Have the Raspberry Pi take tryboot.txt at the next start");
MODULE_LICENSE("GPL");
