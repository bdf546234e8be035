//! Where in S3 a connector writes: told by its parameters, or by the Glue database it writes to.

use super::named::buckets_of_needs;
use crate::catalog::{Connector, FileKind, ParameterKind};
use crate::facts::{ConnectorTarget, Facts, Table};
use crate::model::{Blocked, Concern};

/// A place in S3 under which a connector writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The bucket.
    pub bucket: String,
    /// What keys begin with: empty, or ends in `/` except where a user's prefix does not.
    pub prefix: String,
    /// What makes the connector write there.
    pub origin: Origin,
}

impl Location {
    /// Which of a table's files lie there.
    pub fn side(&self) -> Side {
        if let Origin::Table { side, .. } = self.origin { side } else { Side::Both }
    }

    /// Whether tables that are to be made will lie there.
    pub fn is_of_new_tables(&self) -> bool {
        matches!(self.origin, Origin::Database { .. } | Origin::Warehouse { .. })
    }
}

/// What makes a connector write to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its parameters: bucket and prefix.
    Parameters,
    /// The database's `LocationUri`: `<uri>/<table>`.
    Database {
        /// The database.
        name: String,
        /// The address as it stands there.
        uri: String,
    },
    /// The warehouse: `<warehouse>/<database>.db/<table>`, for the database has no location of its own.
    Warehouse {
        /// The database.
        database: String,
        /// The address as given.
        uri: String,
    },
    /// An Iceberg table that does not lie where new ones go, or some of its files.
    Table {
        /// The table.
        name: String,
        /// The address as it stands there.
        uri: String,
        /// Which of its files.
        side: Side,
    },
}

/// Which of a table's files lie at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// All of them, below `data/` and `metadata/`.
    #[default]
    Both,
    /// Rows, where the property `write.data.path` has them.
    Data,
    /// Metadata, where the property `write.metadata.path` has it, or the table of rows that lie elsewhere.
    Metadata,
}

impl Side {
    /// Whether files of a kind lie there.
    pub fn has(self, kind: FileKind) -> bool {
        match self {
            Self::Both => true,
            Self::Data => kind == FileKind::Data,
            Self::Metadata => kind != FileKind::Data,
        }
    }
}

/// An address that is none of S3: what made the connector write there, with the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere(pub Origin);

/// An Iceberg table that lies below the place where new ones go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    /// The table.
    pub table: String,
    /// Bucket and path, which ends in `/`: `lake/sales.db/orders/`.
    pub path: String,
}

/// Where a connector writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locations {
    /// Places in S3: where new tables or files go first, then those of tables that lie elsewhere.
    pub known: Vec<Location>,
    /// Other buckets that needs are about: those that the connector file names outright, or by further parameters.
    pub named: Vec<Location>,
    /// Tables that lie below the place where new ones go.
    pub below: Vec<Below>,
    /// Addresses that are none of S3.
    pub elsewhere: Vec<Elsewhere>,
    /// Why the place of new tables is not known.
    pub open: Option<Blocked>,
    /// Why nobody knows where tables lie.
    pub unplaced: Vec<Blocked>,
}

/// Where a connector writes.
///
/// Iceberg's `GlueCatalog` puts a new table under the database's `LocationUri`, and only where there is
/// none under `<warehouse>/<database>.db` (`GlueCatalog.defaultWarehouseLocation`).
pub fn locations(facts: &Facts, target: &ConnectorTarget, connector: &Connector) -> Locations {
    let value = |kind: ParameterKind| {
        connector.of_kind(kind).find_map(|it| Some((it, target.parameters.get(&it.name)?.as_str())))
    };
    let mut found = Locations::default();
    if let Some((_, database)) = value(ParameterKind::GlueDatabase) {
        let warehouse = connector.of_kind(ParameterKind::Location).next().map(|it| it.name.as_str());
        found.of_new_tables(facts, database, warehouse, value(ParameterKind::Location).map(|(_, uri)| uri));
        let tables = facts.glue.databases.get(database).and_then(|it| it.tables.known());
        for table in tables.into_iter().flatten().filter(|table| writes_to(target, connector, table)) {
            found.of_table(database, table);
        }
    } else if let Some((_, bucket)) = value(ParameterKind::Bucket) {
        let prefix = value(ParameterKind::Prefix).map_or("", |(_, prefix)| prefix);
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        found.known.push(Location { bucket, prefix, origin: Origin::Parameters });
    } else if let Some((_, uri)) = value(ParameterKind::Location) {
        found.add(uri, "", Origin::Parameters);
    }
    let is_new = |place: &Location| found.known.iter().all(|known| known.bucket != place.bucket);
    found.named = buckets_of_needs(target, connector).into_iter().filter(is_new).collect();
    found
}

/// Whether a connector writes to a table of its database: to the one that was named, or else to every one of
/// Iceberg's. The Data Catalog keeps names in lower case, however they were given.
pub fn writes_to(target: &ConnectorTarget, connector: &Connector, table: &Table) -> bool {
    let mut kinds = connector.of_kind(ParameterKind::GlueTable);
    let named = kinds.find_map(|it| target.parameters.get(&it.name));
    table.is_iceberg() && named.is_none_or(|name| name.eq_ignore_ascii_case(&table.name))
}

impl Locations {
    /// All places in S3.
    pub fn all(&self) -> impl Iterator<Item = &Location> {
        self.known.iter().chain(&self.named)
    }

    /// The same, taken.
    pub fn into_all(self) -> impl Iterator<Item = Location> {
        self.known.into_iter().chain(self.named)
    }

    fn of_new_tables(
        &mut self,
        facts: &Facts,
        database: &str,
        parameter: Option<&str>,
        warehouse: Option<&str>,
    ) {
        let what = format!("the location of the Glue database {database}");
        let read = if let Some(it) = facts.glue.databases.get(database) {
            it.metadata.read(&what)
        } else {
            let why = "it was not read".to_owned();
            Err(Blocked::new(what.clone(), why))
        };
        match (read.map(|it| it.and_then(|it| it.location.as_deref())), warehouse) {
            (Err(blocked), _) => self.open = Some(blocked),
            (Ok(Some(uri)), _) if !uri.is_empty() => {
                let origin = Origin::Database { name: database.to_owned(), uri: uri.to_owned() };
                self.add_address(uri, origin);
            }
            (Ok(_), Some(uri)) => {
                let origin = Origin::Warehouse { database: database.to_owned(), uri: uri.to_owned() };
                self.add(uri, &format!("{database}.db/"), origin);
            }
            (Ok(_), None) => {
                let hint = parameter.map(|name| format!("give the connector's warehouse with --{name}"));
                let why = "the database has no location of its own, and the warehouse was not given";
                self.open = Some(Blocked { hint, ..Blocked::new(what, why) });
            }
        }
    }

    /// The place of a table, be it below that of new ones.
    fn of_table(&mut self, database: &str, table: &Table) {
        let uri = match layout(table) {
            Ok(Layout::Together(uri)) => uri,
            Ok(Layout::Apart { data, metadata }) => {
                for (uri, side) in [(data, Side::Data), (metadata, Side::Metadata)] {
                    self.add_address(
                        &uri,
                        Origin::Table { name: table.name.clone(), uri: uri.clone(), side },
                    );
                }
                return;
            }
            Err(why) => {
                let what = format!(
                    "where the files of the table {} of the Glue database {database} lie",
                    table.name
                );
                let hint = "see the table's metadata file, or name another table with --table";
                let blocked = Blocked { hint: Some(hint.to_owned()), ..Blocked::new(what, why) };
                self.unplaced.push(blocked.about([Concern::Tables(database.to_owned())]));
                return;
            }
        };
        let path = address_of_files(&uri).filter(|(bucket, path)| {
            let mut places = self.known.iter().filter(|it| it.is_of_new_tables());
            places.any(|it| it.bucket == *bucket && path.starts_with(&it.prefix))
        });
        if let Some((bucket, path)) = path {
            self.below.push(Below { table: table.name.clone(), path: format!("{bucket}/{path}") });
            return;
        }
        let (name, side) = (table.name.clone(), Side::Both);
        self.add_address(&uri, Origin::Table { name, uri: uri.clone(), side });
    }

    /// A place that a setting names, which may be a bucket alone.
    fn add(&mut self, uri: &str, below: &str, origin: Origin) {
        self.add_place(s3_address(uri), below, origin);
    }

    /// A place that the Data Catalog names.
    fn add_address(&mut self, uri: &str, origin: Origin) {
        self.add_place(address_of_files(uri), "", origin);
    }

    fn add_place(&mut self, place: Option<(&str, String)>, below: &str, origin: Origin) {
        match place {
            Some((bucket, path)) => {
                let (bucket, prefix) = (bucket.to_owned(), format!("{path}{below}"));
                self.known.push(Location { bucket, prefix, origin });
            }
            None => self.elsewhere.push(Elsewhere(origin)),
        }
    }
}

/// Where a table's files lie.
enum Layout {
    /// Below `data/` and `metadata/` of one place.
    Together(String),
    /// Rows and metadata at places of their own.
    Apart {
        /// The rows'.
        data: String,
        /// The metadata's.
        metadata: String,
    },
}

/// Where a table's files lie, as far as the Data Catalog shows: rows at `write.data.path`, or else at
/// `write.object-storage.path` or `write.folder-storage.path`, or else below `data/` of its location; metadata where
/// its newest file is (apache/iceberg `LocationProviders`, `BaseMetastoreTableOperations.metadataFileLocation`).
fn layout(table: &Table) -> Result<Layout, &'static str> {
    let trimmed = |uri: &str| uri.trim_end_matches('/').to_owned();
    let is_there = |uri: &&String| !uri.is_empty();
    let file = table.metadata_file.as_ref().filter(is_there).and_then(|uri| uri.rsplit_once('/'));
    let written = file.map(|(directory, _)| trimmed(directory));
    let own = table.location.as_ref().filter(is_there).map(|uri| trimmed(uri));
    let of_metadata = || written.as_deref()?.strip_suffix("/metadata").map(trimmed);
    let own = own.or_else(of_metadata);
    let metadata = written.or_else(|| own.as_ref().map(|own| format!("{own}/metadata")));
    let given = table.data_path.as_ref().filter(is_there).map(|uri| trimmed(uri));
    let mut further: Vec<String> =
        table.further_locations.iter().filter(is_there).map(|uri| trimmed(uri)).collect();
    further.retain(|uri| Some(uri) != metadata.as_ref() && Some(uri) != own.as_ref());
    further.dedup();
    let data = match (given, &further[..]) {
        (Some(given), _) => Some(given),
        (None, []) => own.as_ref().map(|own| format!("{own}/data")),
        (None, [one]) => Some(one.clone()),
        (None, _) => {
            return Err("AWS shows several places besides its location, and not which of them has its rows");
        }
    };
    match (own, data, metadata) {
        (Some(own), Some(data), Some(metadata))
            if data == format!("{own}/data") && metadata == format!("{own}/metadata") =>
        {
            Ok(Layout::Together(table.location.clone().filter(|uri| !uri.is_empty()).unwrap_or(own)))
        }
        (_, Some(data), Some(metadata)) => Ok(Layout::Apart { data, metadata }),
        _ => Err("AWS shows no location of it"),
    }
}

/// Bucket and path of an address in S3; the path is empty or ends in `/`. A bare bucket is one, too.
pub fn s3_address(uri: &str) -> Option<(&str, String)> {
    let rest = match uri.split_once("://") {
        Some((scheme, rest)) if is_of_s3(scheme) => rest,
        Some(_) => return None,
        None => uri,
    };
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    let path = if path.is_empty() { String::new() } else { format!("{path}/") };
    (!bucket.is_empty() && !bucket.contains(':')).then_some((bucket, path))
}

/// The same of an address that Iceberg opens as it stands: one without a scheme it refuses (`Invalid S3 URI,
/// cannot determine scheme`, apache/iceberg `S3URI`, 7f879b1).
fn address_of_files(uri: &str) -> Option<(&str, String)> {
    if has_scheme(uri) { s3_address(uri) } else { None }
}

/// Whether an address begins with a scheme, as in `s3://`.
pub fn has_scheme(uri: &str) -> bool {
    uri.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty())
}

/// Iceberg does not compare the scheme, be it written in upper case or not.
fn is_of_s3(scheme: &str) -> bool {
    ["s3", "s3a", "s3n"].iter().any(|it| scheme.eq_ignore_ascii_case(it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::facts::{Database, DatabaseMetadata, Fact, RoleName, Target};

    fn found(location: Option<&str>, warehouse: Option<&str>, tables: &[(&str, &str)]) -> Locations {
        let mut parameters = vec![("database".to_owned(), "sales".to_owned())];
        parameters.extend(warehouse.map(|it| ("warehouse".to_owned(), it.to_owned())));
        let connector = ConnectorTarget {
            connector: "iceberg-glue".to_owned(),
            parameters: parameters.into_iter().collect(),
            definition: None,
        };
        let role = RoleName { name: "r".to_owned(), path: None, account: None, partition: None };
        let target = Target {
            role,
            external_id: None,
            region: None,
            region_given: false,
            connectors: vec![connector.clone()],
        };
        let mut facts = Facts::unread(target, "2026-03-02T10:00:00Z".to_owned());
        let metadata =
            DatabaseMetadata { location: location.map(str::to_owned), ..DatabaseMetadata::default() };
        let table = |(name, uri): &(&str, &str)| Table {
            name: (*name).to_owned(),
            location: Some((*uri).to_owned()),
            format: Some("ICEBERG".to_owned()),
            ..Table::default()
        };
        let database = Database {
            metadata: Fact::Known(metadata),
            tables: Fact::Known(tables.iter().map(table).collect()),
        };
        facts.glue.databases.insert("sales".to_owned(), database);
        locations(&facts, &connector, Catalog::built_in().connector("iceberg-glue").unwrap())
    }

    fn places(found: &Locations) -> Vec<String> {
        found.known.iter().map(|it| format!("{}/{}", it.bucket, it.prefix)).collect()
    }

    #[test]
    fn a_database_s_own_location_goes_before_the_warehouse() {
        assert_eq!(places(&found(Some("s3://lake/db"), Some("s3://wh/x"), &[])), ["lake/db/"]);
        assert_eq!(places(&found(None, Some("s3://wh/x/"), &[])), ["wh/x/sales.db/"]);
        assert_eq!(places(&found(None, Some("wh"), &[])), ["wh/sales.db/"]);
        assert!(found(None, None, &[]).open.is_some());
    }

    #[test]
    fn an_address_in_the_catalogue_has_a_scheme_in_whatever_case() {
        assert_eq!(places(&found(Some("S3://lake/db"), None, &[])), ["lake/db/"]);
        let bare = found(Some("lake/db"), None, &[("a", "lake/db/a"), ("b", "S3A://lake/b")]);
        assert_eq!(places(&bare), ["lake/b/"]);
        assert_eq!(bare.elsewhere.len(), 2);
    }

    #[test]
    fn tables_that_lie_elsewhere_are_places_of_their_own() {
        let found = found(
            Some("s3a://lake/db/"),
            None,
            &[("a", "s3://lake/db/a"), ("b", "s3://other/b"), ("c", "hdfs://n/c")],
        );
        assert_eq!(places(&found), ["lake/db/", "other/b/"]);
        assert_eq!(found.below, [Below { table: "a".to_owned(), path: "lake/db/a/".to_owned() }]);
        assert!(matches!(&found.elsewhere[..], [Elsewhere(Origin::Table { name, .. })] if name == "c"));
    }
}
