#!/bin/sh
# Installs Freizeichen on a Debian 14 (forky) machine, amd64 or arm64, from the package beside this script:
#     sudo sh install.sh
# What it needs comes from the machine's own Debian mirror. Calling it again renews it; data stay.
set -e

say() {
	case ${LC_ALL:-${LC_MESSAGES:-$LANG}} in
	de*) echo "$1" >&2 ;;
	*) echo "$2" >&2 ;;
	esac
}

here=$(cd "$(dirname "$0")" && pwd)
system=${SYSTEM_FILE:-/etc/os-release}
[ -r "$system" ] && . "$system"
if [ "$ID" != debian ] || { [ "$VERSION_ID" != 14 ] && [ "$VERSION_CODENAME" != forky ]; }; then
	say "Das geht nur auf Debian 14 (forky); hier ist: ${PRETTY_NAME:-unbekannt}. Es wurde nichts geändert." \
		"This works on Debian 14 (forky) only; this is: ${PRETTY_NAME:-unknown}. Nothing was changed."
	exit 1
fi
machine=$(dpkg --print-architecture)
package=$(find "$here" -maxdepth 1 -name "freizeichen_*_$machine.deb" | sort | tail -n 1)
if [ -z "$package" ]; then
	say "Neben install.sh liegt kein Paket für $machine (freizeichen_…_$machine.deb). Es wurde nichts geändert." \
		"There is no package for $machine beside install.sh (freizeichen_…_$machine.deb). Nothing was changed."
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	say "Dafür braucht es Verwaltungsrechte: sudo sh install.sh. Es wurde nichts geändert." \
		"This needs the rights of an administrator: sudo sh install.sh. Nothing was changed."
	exit 1
fi
apt-get update
apt-get install --yes --no-install-recommends "$package"
say "Freizeichen läuft. Die Seite: http://$(hostname)/" "Freizeichen runs. The page: http://$(hostname)/"
