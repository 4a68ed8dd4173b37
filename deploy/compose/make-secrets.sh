#!/bin/sh
# Makes the secrets that deploy/compose.yaml mounts. Never overwrites: a new key-encryption secret would make the data unreadable.
set -eu
cd "$(dirname "$0")"
if [ -e secrets ]; then
  echo "make-secrets: $(pwd)/secrets is there already; nothing was changed" >&2
  exit 1
fi
# The directory keeps other users of this machine out. The files are readable, because in a container they are mounted as
# they are and read by another user.
umask 077
mkdir secrets
umask 022
secret() { openssl rand -hex 32; }
database=$(secret)
cache=$(secret)
printf '%s' "$database" > secrets/postgres-password
printf 'requirepass %s\n' "$cache" > secrets/redis.conf
cat > secrets/violentutf.toml <<TOML
[keys]
kek_passphrase = "$(secret)"

[database]
url = "postgres://violentutf:$database@postgres:5432/violentutf"

[cache]
url = "redis://:$cache@redis:6379/0"
TOML
echo "made $(pwd)/secrets; keep a copy of violentutf.toml and of kek.vutf (volume \`data\`) apart from the database's backups"
