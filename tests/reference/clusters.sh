# k-means with its indices, and DBSCAN, against scikit-learn on the same data.
reference_clusters() {
  if ! with_scikit_learn; then
    skip "clusters of iris, wine and breast cancer" "scikit-learn could not be installed; see $TARGET/pip.log"
    return
  fi
  "$PYTHON" "$ROOT/tests/reference/clusters.py" "$REFERENCE"
  psql -q -c "CREATE DATABASE clusters"
  local PGDATABASE=clusters name width
  export PGDATABASE
  psql -q -c "CREATE EXTENSION pg_segment"
  while read -r name width; do
    psql -q -c "CREATE TABLE $name ($(printf 'c%s float8, ' $(seq "$width")) id integer GENERATED ALWAYS AS IDENTITY)"
    psql -q -c "COPY $name ($(printf 'c%s\n' $(seq "$width") | paste -sd, -)) FROM STDIN CSV" < "$REFERENCE/clusters_$name.csv"
  done <<< $'iris 4\nwine 13\nbreast_cancer 30\nblobs 2'
  psql -q -c "CREATE TABLE fits (relation regclass, standardised boolean, k integer, inertia float8, silhouette float8,
    davies_bouldin float8, calinski_harabasz float8, sizes bigint[])"
  psql -q -c "COPY fits FROM STDIN (FORMAT csv, DELIMITER ';')" < "$REFERENCE/clusters_kmeans.csv"
  psql -q -c "CREATE TABLE densities (relation regclass, radius float8, neighbours integer, sizes bigint[], noise bigint)"
  psql -q -c "COPY densities FROM STDIN (FORMAT csv, DELIMITER ';')" < "$REFERENCE/clusters_dbscan.csv"
  psql -q -v ON_ERROR_STOP=1 -f "$ROOT/tests/reference/clusters.sql" > "$REFERENCE/clusters.log" 2>&1 \
    || { flunk "clusters of iris, wine and breast cancer" "$(cat "$REFERENCE/clusters.log")"; return; }
  judge clusters 15
}
