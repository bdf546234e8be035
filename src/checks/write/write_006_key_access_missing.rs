//! WRITE-006: a KMS key that a bucket or the Glue Data Catalog encrypts with refuses the role, or cannot
//! be used at all.

use crate::checks::shared::commands::in_region;
use crate::checks::shared::keys::is_usable;
use crate::checks::shared::needs::{Ask, asks};
use crate::checks::shared::places::{Places, absent_bucket, join, told};
use crate::checks::shared::{absent_role, keys, service_role, words};
use crate::checks::{Check, View};
use crate::facts::{FactId, KeyMetadata};
use crate::model::{
    Blocked, CheckId, Concern, Evidence, Finding, Outcome, Owner, Remedy, Section, shell_flag,
};
use crate::requirement::encryption::is_aws_alias;
use crate::requirement::{Location, Origin, key_use};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 6), judge };

#[expect(clippy::unnecessary_wraps, reason = "the shape of every check")]
fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    let places = Places::of(view);
    let mut outcomes: Vec<Result<Outcome, Blocked>> = Vec::new();
    let mut uses: Vec<Use> = Vec::new();
    for location in places.buckets() {
        take(of_bucket(view, location), &mut uses, &mut outcomes);
    }
    if view.databases().next().is_some() {
        match of_service_role(view) {
            Some(outcome) => outcomes.push(outcome),
            None => take(of_catalog(view), &mut uses, &mut outcomes),
        }
    }
    outcomes.extend(uses.iter().map(|it| of_key(view, it).map_err(|unread| it.told_of(unread))));
    outcomes.extend(places.open.iter().cloned().map(Err));
    // Places that are none in S3 have no key.
    outcomes.extend(places.none().map(Ok));
    Ok(join(outcomes))
}

/// A key that is used, known to [`View::key`] as `entry`.
struct Use {
    entry: String,
    /// The buckets that encrypt with it, each with the first location in it.
    buckets: Vec<Location>,
    /// Whether the Data Catalog encrypts with it.
    catalog: bool,
}

impl Use {
    fn subject(&self) -> String {
        let buckets = self.buckets.iter().map(|it| format!("bucket {}", it.bucket));
        let catalog = self.catalog.then(|| "the Glue Data Catalog".to_owned());
        words::list(&buckets.chain(catalog).collect::<Vec<_>>())
    }

    fn concerns(&self) -> impl Iterator<Item = Concern> {
        let buckets = self.buckets.iter().map(|it| Concern::Key { bucket: Some(it.bucket.clone()) });
        buckets.chain(self.catalog.then_some(Concern::Key { bucket: None }))
    }

    /// Adds to what could not be read, where that is not told yet, what hangs on it.
    fn told_of(&self, unread: Blocked) -> Blocked {
        if unread.concerns.is_empty() { unread.about(self.concerns()) } else { unread }
    }

    /// Who can give them another key.
    fn owner(&self) -> Owner {
        if self.buckets.is_empty() { Owner::You } else { Owner::BucketAccount }
    }

    fn look(&self) -> String {
        self.buckets.first().map_or_else(
            || in_region("aws glue get-data-catalog-encryption-settings", self.entry.split(':').nth(3)),
            |it| format!("aws s3api get-bucket-encryption {}", shell_flag("--bucket", &it.bucket)),
        )
    }

    fn is_about(&self, ask: &Ask<'_>) -> bool {
        match ask.requirement.bucket() {
            Some(bucket) => self.buckets.iter().any(|it| it.bucket == bucket),
            None => self.catalog,
        }
    }

    /// Adds why the connector writes to a bucket that is not among its settings.
    fn told(&self, finding: Finding) -> Finding {
        match self.buckets.iter().find(|it| it.origin != Origin::Parameters) {
            Some(location) => told(finding, &location.origin),
            None => finding,
        }
    }
}

/// What encryption comes to: a key whose use is to be judged, or an outcome already.
type Found = Result<Result<Use, Outcome>, Blocked>;

fn take(found: Found, uses: &mut Vec<Use>, outcomes: &mut Vec<Result<Outcome, Blocked>>) {
    match found {
        Ok(Ok(new)) => match uses.iter_mut().find(|it| it.entry == new.entry) {
            Some(known) => {
                known.buckets.extend(new.buckets);
                known.catalog |= new.catalog;
            }
            None => uses.push(new),
        },
        Ok(Err(outcome)) => outcomes.push(Ok(outcome)),
        Err(blocked) => outcomes.push(Err(blocked)),
    }
}

fn of_bucket(view: &View<'_>, location: &Location) -> Found {
    let bucket = &location.bucket;
    if let Some(skip) = absent_bucket(view, bucket) {
        return Ok(Err(skip));
    }
    let encryption = view.bucket(bucket, FactId::BucketEncryption, |it| &it.encryption)?;
    let Some(encryption) = encryption.filter(|it| it.algorithm.starts_with("aws:kms")) else {
        return Ok(Err(Outcome::Skip(format!("bucket {bucket} does not encrypt with a KMS key"))));
    };
    if let Some(entry) = view.bucket_key(bucket) {
        return Ok(Ok(Use { entry, buckets: vec![location.clone()], catalog: false }));
    }
    match encryption.key.as_deref().filter(|key| !is_aws_alias(key)) {
        None => Ok(Err(aws_managed(view, location, encryption.key.as_deref()))),
        Some(key) => Err(Blocked {
            what: format!("the KMS key {key} of bucket {bucket}"),
            why: "its ARN cannot be told without the bucket's region and the account".to_owned(),
            grant: None,
            hint: None,
            concerns: vec![Concern::Key { bucket: Some(bucket.clone()) }],
        }),
    }
}

fn of_catalog(view: &View<'_>) -> Found {
    let encryption = view.catalog_encryption().map_err(|it| it.about([Concern::Key { bucket: None }]))?;
    let skip = |reason: &str| Ok(Err(Outcome::Skip(reason.to_owned())));
    let Some(encryption) = encryption.filter(|it| it.mode != "DISABLED") else {
        return skip("the Glue Data Catalog does not encrypt its metadata");
    };
    if let Some(entry) = view.catalog_key() {
        return Ok(Ok(Use { entry, buckets: Vec::new(), catalog: true }));
    }
    match encryption.key.as_deref().filter(|key| !is_aws_alias(key)) {
        None => Ok(Err(managed_catalog())),
        named => Err(unnamed_catalog_key(named)),
    }
}

fn managed_catalog() -> Outcome {
    managed("the Glue Data Catalog", "aws/glue", "glue:GetDataCatalogEncryptionSettings")
}

fn unnamed_catalog_key(named: Option<&str>) -> Blocked {
    let what = format!("the KMS key {} of the Glue Data Catalog", named.unwrap_or_default());
    let why = "its ARN cannot be told without the region and the account";
    Blocked::new(what, why).about([Concern::Key { bucket: None }])
}

/// The Data Catalog's key where Glue uses it by a role of its own: whatever the connector's role may do with it, it
/// has to be a key that works, and that role may have to use it.
fn of_service_role(view: &View<'_>) -> Option<Result<Outcome, Blocked>> {
    let encryption = view.catalog_encryption().ok().flatten();
    let encryption = encryption.filter(|it| it.mode == "SSE-KMS-WITH-SERVICE-ROLE")?;
    let named = encryption.key.as_deref().filter(|key| !is_aws_alias(key));
    Some(match (view.catalog_key(), named) {
        (Some(entry), _) => {
            let used = Use { entry, buckets: Vec::new(), catalog: true };
            let judged = of_role_of_glue(view, &used, encryption.service_role.as_deref());
            judged.map_err(|unread| used.told_of(unread))
        }
        (None, None) => Ok(managed_catalog()),
        (None, named) => Err(unnamed_catalog_key(named)),
    })
}

fn of_role_of_glue(view: &View<'_>, used: &Use, role: Option<&str>) -> Result<Outcome, Blocked> {
    let metadata = view.key(&used.entry, FactId::Key, |it| &it.metadata);
    match &metadata {
        Ok(None) => return Ok(Outcome::Fail(vec![no_such_key(used)])),
        Ok(Some(key)) if key.manager == "AWS" => return Ok(managed_catalog()),
        Ok(Some(key)) => {
            if let Some(finding) = unusable(used, key) {
                return Ok(Outcome::Fail(vec![finding]));
            }
        }
        Err(_) => {}
    }
    let arn = metadata.as_ref().ok().copied().flatten().map_or(used.entry.as_str(), |key| key.arn.as_str());
    let judged = service_role::judge(view, role, &used.entry, arn)?;
    // A key whose state nobody read may be disabled.
    if !matches!(judged, Outcome::Fail(_)) {
        metadata?;
    }
    Ok(judged)
}

fn of_key(view: &View<'_>, used: &Use) -> Result<Outcome, Blocked> {
    let subject = used.subject();
    let metadata = view.key(&used.entry, FactId::Key, |it| &it.metadata);
    let (elsewhere, place) = elsewhere(view, used);
    match &metadata {
        Ok(None) => return Ok(Outcome::Fail(vec![used.told(no_such_key(used))])),
        _ if !elsewhere.is_empty() => return Ok(Outcome::Fail(elsewhere)),
        Ok(Some(key)) if key.manager == "AWS" => {
            let arn = Some(key.arn.as_str());
            let buckets = used.buckets.iter().map(|location| Ok(aws_managed(view, location, arn)));
            let catalog = used.catalog.then(|| Ok(managed_catalog()));
            return Ok(join(buckets.chain(catalog)));
        }
        Ok(Some(key)) => {
            if let Some(finding) = unusable(used, key) {
                return Ok(Outcome::Fail(vec![used.told(finding)]));
            }
        }
        Err(_) => {}
    }
    let (asks, others): (Vec<Ask<'_>>, Vec<Ask<'_>>) =
        asks(view)?.into_iter().filter(|ask| used.is_about(ask)).partition(Ask::is_of_key);
    let unlisted = unlisted(used, &asks, &others);
    if asks.is_empty() {
        // An alias that could not be resolved: the key's ARN is not known.
        metadata?;
        if let Some(unlisted) = unlisted {
            return Err(unlisted);
        }
        return Ok(Outcome::Skip(format!("the connectors do not use the key of {subject}")));
    }
    match keys::judge(view, &used.entry, &subject, &asks)? {
        Outcome::Fail(findings) => {
            Ok(Outcome::Fail(findings.into_iter().map(|finding| used.told(finding)).collect()))
        }
        // A key whose state nobody read may be disabled, or the bucket in another region.
        outcome => {
            metadata.and(place)?;
            unlisted.map_or(Ok(outcome), Err)
        }
    }
}

/// What keeps the key from being judged, where a connector file has a call that takes the bucket's key and no use of
/// it.
fn unlisted(key: &Use, uses: &[Ask<'_>], calls: &[Ask<'_>]) -> Option<Blocked> {
    let lists = |action: &str, bucket: Option<&str>| {
        uses.iter().any(|it| it.action() == action && it.requirement.bucket() == bucket)
    };
    let taking = calls.iter().filter(|ask| ask.is_required()).find_map(|ask| {
        let (bucket, taken) = (ask.requirement.bucket(), key_use(ask.action())?);
        (bucket.is_some() && !lists(taken, bucket)).then_some((ask, taken))
    });
    let (ask, taken) = taking?;
    let bucket = ask.requirement.bucket().unwrap_or_default();
    let why = format!(
        "{} takes it where the bucket encrypts with a key, and the connector file does not list it",
        ask.action()
    );
    let what = format!("whether the role may do {taken} on {}, the key of bucket {bucket}", key.entry);
    let hint = format!(
        "add a need of {taken} on {{bucket_key}}, with when = \"bucket-key\" and level = \"conditional\""
    );
    let concern = Concern::Key { bucket: Some(bucket.to_owned()) };
    Some(Blocked { hint: Some(hint), ..Blocked::new(what, why) }.about([concern]))
}

/// The buckets that are not in the key's region, and whether that could be told of all. S3 takes such a key
/// as the default and then does not find it: "KMS.NotFoundException".
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>
fn elsewhere(view: &View<'_>, used: &Use) -> (Vec<Finding>, Result<(), Blocked>) {
    let (mut found, mut place) = (Vec::new(), Ok(()));
    let key = used.entry.as_str();
    let of_key = key.split(':').nth(3).unwrap_or_default();
    for location in &used.buckets {
        let bucket = &location.bucket;
        let region = match view.bucket(bucket, FactId::Bucket, |it| &it.head) {
            Ok(Some(head)) => &head.region,
            Ok(None) => continue,
            Err(blocked) => {
                place = Err(blocked);
                continue;
            }
        };
        if region == of_key {
            continue;
        }
        let what = format!(
            "Bucket {bucket} is in {region} and encrypts with {key}, a key of {of_key}: S3 uses keys of the bucket's own region only, and every write fails"
        );
        let remedy = Remedy::Manual {
            owner: Owner::BucketAccount,
            title: format!("Give bucket {bucket} a key of {region}"),
            steps: vec![format!(
                "Set the default encryption of bucket {bucket} to a key in {region}, and allow the role that key"
            )],
            commands: vec![used.look()],
        };
        let evidence = Evidence::read("s3:HeadBucket", format!("bucket {bucket} is in {region}"));
        let concern = Concern::Key { bucket: Some(bucket.clone()) };
        let finding = Finding::new(key, what).about([concern]).evidence(evidence).remedy(remedy);
        found.push(told(finding, &location.origin));
    }
    (found, place)
}

/// The AWS managed key serves every principal of its own account, and nobody else. `named`: what the encryption
/// calls it, if anything.
fn aws_managed(view: &View<'_>, location: &Location, named: Option<&str>) -> Outcome {
    let bucket = &location.bucket;
    let own = view.role().ok().flatten().map(|role| role.arn.account());
    let account = named.filter(|key| key.starts_with("arn:")).and_then(|key| key.split(':').nth(4));
    let foreign = account.zip(own).is_some_and(|(account, own)| account != own);
    if !foreign && !view.is_foreign_bucket(bucket) {
        return managed(&format!("bucket {bucket}"), "aws/s3", "s3:GetEncryptionConfiguration");
    }
    let what = format!(
        "Bucket {bucket} of another account encrypts with that account's AWS managed key aws/s3, which no other account can use"
    );
    let remedy = Remedy::Manual {
        owner: Owner::BucketAccount,
        title: format!("Encrypt bucket {bucket} with S3's own keys or with a customer managed key"),
        steps: vec![
            "Set the bucket's default encryption to SSE-S3, or to a customer managed key whose policy allows the role".to_owned(),
        ],
        commands: vec![format!("aws s3api get-bucket-encryption {}", shell_flag("--bucket", bucket))],
    };
    let evidence = Evidence::read("s3:GetEncryptionConfiguration", "aws:kms with the AWS managed key");
    let finding = Finding::new(format!("arn:aws:s3:::{bucket}"), what)
        .about([Concern::Key { bucket: Some(bucket.clone()) }])
        .evidence(evidence)
        .remedy(remedy);
    Outcome::Fail(vec![told(finding, &location.origin)])
}

fn managed(subject: &str, key: &str, action: &str) -> Outcome {
    let text = format!("{subject} encrypts with the AWS managed key {key}, which asks nothing of the role");
    Outcome::Pass(vec![Evidence::read(action, text)])
}

fn no_such_key(used: &Use) -> Finding {
    let (subject, key) = (used.subject(), &used.entry);
    let what = format!("{} encrypts with {key}, and there is no such key", words::capital(&subject));
    let remedy = Remedy::Manual {
        owner: used.owner(),
        title: format!("Give {subject} a key that exists"),
        steps: vec![format!(
            "Set the default encryption of {subject} to a key that exists, or to none of KMS"
        )],
        commands: vec![used.look()],
    };
    let evidence = Evidence::read("kms:DescribeKey", format!("{key}: not found"));
    Finding::new(key.as_str(), what).about(used.concerns()).evidence(evidence).remedy(remedy)
}

/// A key that nobody can encrypt with.
fn unusable(used: &Use, key: &KeyMetadata) -> Option<Finding> {
    let KeyMetadata { arn, state, usage, spec, .. } = key;
    let subject = used.subject();
    let (what, steps, commands) = if !is_usable(state) {
        let (steps, commands) = keys::made_usable(key);
        (format!("is {state}"), steps, commands)
    } else if usage != "ENCRYPT_DECRYPT" || spec != "SYMMETRIC_DEFAULT" {
        let step = format!("Give {subject} a symmetric key for encryption");
        (format!("is a {spec} key for {usage}, which cannot be used for that"), vec![step], Vec::new())
    } else {
        return None;
    };
    let remedy = Remedy::Manual {
        owner: Owner::KeyOwner,
        title: format!("Make the key of {subject} usable"),
        steps,
        commands,
    };
    let evidence =
        Evidence::read("kms:DescribeKey", format!("KeyState {state}, KeyUsage {usage}, KeySpec {spec}"));
    Some(
        Finding::new(arn.clone(), format!("The key of {subject}, {arn}, {what}"))
            .about(used.concerns())
            .evidence(evidence)
            .remedy(remedy),
    )
}
