#!/bin/sh
# Makes the secrets that compose.yaml names: `sudo ./prepare.sh`, once. Each is readable only by the user of
# the container that needs it. Valkey gets the hash of Livegate's password, never the password.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
cd secrets
if [ -e valkey_password ]; then
  echo "secrets/ is made already: nothing is done" >&2
  exit 0
fi
new() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
# Grafana reads the password only for an empty database, so an existing one is kept.
if [ ! -e grafana_password ]; then
  new > grafana_password
  chmod 400 grafana_password
  chown 472 grafana_password   # Grafana's user
fi
password=$(new)
hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
rights='+@read +@write +@transaction +@scripting +select +time +info +waitaof'
{
  echo "user default off"
  echo "user livegate on #$hash resetchannels ~livegate:* -@all $rights"
  echo "user probe on >probe resetchannels resetkeys -@all +ping"
} > valkey_users.acl
chmod 400 valkey_users.acl
chown 999 valkey_users.acl   # Valkey's
printf %s "$password" > valkey_password
chmod 400 valkey_password
chown 10001 valkey_password  # Livegate's
chmod 711 .
echo "secrets/ is made"
