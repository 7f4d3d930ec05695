#!/bin/sh
# Makes the database at the first start, then becomes the server. The database is made beside its place and moved
# there when it is complete, so a start that was cut off is simply made again.
set -eu

if ! [ -d "$PGDATA" ]; then
  new="$PGDATA.new"
  rm -rf "$new"
  initdb --pgdata="$new" --username=postgres --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 >/dev/null
  echo "host all all all scram-sha-256" >>"$new/pg_hba.conf"
  pg_ctl start --pgdata="$new" --wait --silent --options="-c listen_addresses=''"
  psql --quiet --set=ON_ERROR_STOP=1 --set=user="$DATABASE_USER" --set=name="$DATABASE_NAME" \
    --set=password="$(cat "$DATABASE_PASSWORD_FILE")" <<'SQL'
CREATE ROLE :"user" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"user";
SQL
  pg_ctl stop --pgdata="$new" --wait --silent --mode=fast
  mv "$new" "$PGDATA"
fi

exec postgres -c listen_addresses='*'
