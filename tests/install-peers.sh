#!/usr/bin/env bash
# Installs from Debian the programs that the wire tests and the benchmarks talk to. Says what it does; does nothing twice.
set -euo pipefail

say() { echo "peers: $*"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

#   package        program    needed for
peers=(
    "sip-tester     sipp       scripted SIP calls"
    "baresip-core   baresip    a real softphone"
    "prometheus     promtool   metrics, alerts and dashboard against a real Prometheus"
    "espeak-ng      espeak-ng  the voice of the notices"
    "sox            sox        listening to what was recorded"
    "tshark         tshark     captures of what went over the wire"
    "radosgw        radosgw    uploads to a real S3 server, with the next three"
    "ceph-mon       ceph-mon   its monitor"
    "ceph-osd       ceph-osd   its disk"
    "ceph-common    ceph       its keys and users"
    "postgresql     -          the catalogue in a real PostgreSQL"
    "openssl        openssl    a time stamp authority of our own"
    "gcc            cc         the C relay that the benchmarks compare with"
    "libc6-dev      -          headers for the C relay"
)

missing=()
for line in "${peers[@]}"; do
    read -r package program purpose <<<"$line"
    if dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
        continue
    fi
    if [ "$program" != - ] && command -v "$program" >/dev/null; then
        continue
    fi
    say "$package is missing: $purpose"
    missing+=("$package")
done

if [ ${#missing[@]} = 0 ]; then
    say "all ${#peers[@]} Debian packages are here"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    say "no apt-get here; install by other means: ${missing[*]}"
    exit 1
fi

# Daemons of these packages stay off: the tests start their own, on loopback, with their own configuration.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made_policy=yes
fi
remove_policy() { if [ "$made_policy" = yes ]; then as_root rm -f "$policy"; fi; }
trap remove_policy EXIT

say "apt-get update"
as_root apt-get update -qq
say "apt-get install ${missing[*]}"
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
say "installed ${missing[*]}"
