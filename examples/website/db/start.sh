#!/bin/sh
# Makes the database at the first start, then becomes the server.
set -eu

if ! [ -s "$PGDATA/PG_VERSION" ]; then
  initdb --username=postgres --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 >/dev/null
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl start --wait --silent --options="-c listen_addresses=''"
  psql --quiet --set=ON_ERROR_STOP=1 --set=user="$DATABASE_USER" --set=name="$DATABASE_NAME" \
    --set=password="$(cat "$DATABASE_PASSWORD_FILE")" <<'SQL'
CREATE ROLE :"user" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"user";
SQL
  pg_ctl stop --wait --silent --mode=fast
fi

exec postgres -c listen_addresses='*'
