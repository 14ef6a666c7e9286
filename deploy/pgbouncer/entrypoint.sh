#!/bin/sh
# Writes down who may log in, then becomes PgBouncer. The passwords are plain: PgBouncer needs them to log in to
# PostgreSQL by scram itself. /run/pgbouncer is meant to be memory.
set -eu
umask 077

quote() {
  printf '"%s"' "$(printf '%s' "$1" | sed 's/"/""/g')"
}

{
  echo "$(quote "$DB_USER") $(quote "$DB_PASSWORD")"
  # Without a password there is no way into the console.
  if [ -n "${PGBOUNCER_ADMIN_PASSWORD:-}" ]; then
    echo "\"pgbouncer_admin\" $(quote "$PGBOUNCER_ADMIN_PASSWORD")"
  fi
} > /run/pgbouncer/userlist.txt

exec pgbouncer "$1"
