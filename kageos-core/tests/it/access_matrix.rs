//! Every situation and role, and the rights that follow, as one reviewed text.

use std::{collections::HashMap, fmt::Write as _, fs, path::Path, sync::Arc, time::Duration};

use kageos_core::{
    Actor, ActorKind, Env, GrantId, GroupId, NodeId, ResourcePath, Right, Rights, Role, Scope, Timestamp,
    UserId,
    clock::ManualClock,
    entropy::SeededEntropy,
    platform::access::{AccessSnapshot, Grant, Standing, Subject},
};

/// The text, checked in. When a change of it is meant, copy the new one over it.
const GOLDEN: &str = include_str!("access_matrix.txt");

/// `/team/app/list.table`, with someone who asks, their group, and a colleague.
struct Scene {
    env: Env,
    chain: Vec<NodeId>,
    sibling: NodeId,
    path: ResourcePath,
    now: Timestamp,
    user: UserId,
    colleague: UserId,
    group: GroupId,
    other_group: GroupId,
}

/// What one line of the matrix is about.
struct Situation {
    name: &'static str,
    grants: Vec<Grant>,
    standing: Standing,
    actor: Actor,
}

impl Scene {
    fn new() -> Self {
        let now: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
        let env = Env { clock: Arc::new(ManualClock::at(now)), entropy: Arc::new(SeededEntropy::new(3)) };
        Self {
            chain: (0..3).map(|_| NodeId::new(&env)).collect(),
            sibling: NodeId::new(&env),
            path: "/team/app/list.table".parse().unwrap(),
            now,
            user: UserId::new(&env),
            colleague: UserId::new(&env),
            group: GroupId::new(&env),
            other_group: GroupId::new(&env),
            env,
        }
    }

    fn allow(&self, level: usize, subject: Subject, role: Role) -> Grant {
        Grant {
            id: GrantId::new(&self.env),
            node: self.chain[level],
            subject,
            role,
            deny: false,
            expires_at: None,
            created_at: self.now,
            created_by: None,
        }
    }

    fn deny(&self, level: usize, subject: Subject, role: Role) -> Grant {
        Grant { deny: true, ..self.allow(level, subject, role) }
    }

    fn until(&self, grant: Grant, seconds: u64) -> Grant {
        Grant { expires_at: Some(self.now.plus(Duration::from_secs(seconds))), ..grant }
    }

    fn actor(&self) -> Actor {
        Actor::principal(ActorKind::User, self.user, "someone")
    }

    fn scoped(&self, path: Option<&str>, rights: Rights) -> Actor {
        let scope = Scope { path: path.map(|text| text.parse().unwrap()), rights };
        Actor { scope: Some(scope), ..self.actor() }
    }

    fn rights(&self, situation: Situation) -> Rights {
        let standing = Standing { groups: vec![self.group], ..situation.standing };
        let people = HashMap::from([(self.user, standing)]);
        let snapshot = AccessSnapshot::new(1, situation.grants, people);
        let rights = snapshot.rights(&situation.actor, &self.chain, &self.path, self.now);
        for right in Right::ALL {
            let why = snapshot.explain(&situation.actor, right, &self.chain, &self.path, self.now);
            assert_eq!(why.allowed, rights.contains(right), "{}: {why:?}", situation.name);
        }
        rights
    }

    fn with_grants(&self, role: Role) -> Vec<Situation> {
        let me = Subject::User(self.user);
        let owner = |level| self.allow(level, me, Role::Owner);
        let group = Subject::Group(self.group);
        let lists = [
            ("no grant", vec![]),
            ("on the table", vec![self.allow(2, me, role)]),
            ("on the workspace", vec![self.allow(1, me, role)]),
            ("on the namespace", vec![self.allow(0, me, role)]),
            ("on a sibling", vec![Grant { node: self.sibling, ..self.allow(2, me, role) }]),
            ("to a colleague", vec![self.allow(2, Subject::User(self.colleague), role)]),
            ("to the group", vec![self.allow(1, group, role)]),
            ("to another group", vec![self.allow(1, Subject::Group(self.other_group), role)]),
            ("to everyone", vec![self.allow(1, Subject::Everyone, role)]),
            ("and viewer from above", vec![self.allow(0, me, Role::Viewer), self.allow(2, me, role)]),
            ("denied, nothing else", vec![self.deny(2, me, role)]),
            ("denied here, owner here", vec![owner(2), self.deny(2, me, role)]),
            ("denied here, owner above", vec![owner(0), self.deny(2, me, role)]),
            ("denied above, owner here", vec![self.deny(0, me, role), owner(2)]),
            ("denied to the group, owner", vec![owner(2), self.deny(2, group, role)]),
            ("denied to everyone, owner", vec![owner(2), self.deny(2, Subject::Everyone, role)]),
            (
                "denied to a colleague, owner",
                vec![owner(2), self.deny(2, Subject::User(self.colleague), role)],
            ),
            ("expired just now", vec![self.until(self.allow(2, me, role), 0)]),
            ("expires in a second", vec![self.until(self.allow(2, me, role), 1)]),
            ("denial expired, owner", vec![owner(2), self.until(self.deny(2, me, role), 0)]),
            ("denial expires soon, owner", vec![owner(2), self.until(self.deny(2, me, role), 1)]),
        ];
        lists
            .into_iter()
            .map(|(name, grants)| Situation {
                name,
                grants,
                standing: Standing::default(),
                actor: self.actor(),
            })
            .collect()
    }

    fn with_actors(&self, role: Role) -> Vec<Situation> {
        let everything = Rights::EVERY;
        let (admin, disabled) = (
            Standing { admin: true, ..Standing::default() },
            Standing { disabled: true, ..Standing::default() },
        );
        let both = Standing { admin: true, disabled: true, groups: vec![] };
        let plain = Standing::default;
        let system = Actor { scope: None, ..Actor::system() };
        let nameless = Actor { id: None, ..self.actor() };
        let service = Actor::principal(ActorKind::Service, self.user, "robot");
        let stranger = Actor::principal(ActorKind::User, UserId::new(&self.env), "stranger");
        let lists = [
            ("token, no limit", plain(), self.scoped(None, everything)),
            ("token, for the namespace", plain(), self.scoped(Some("/team"), everything)),
            ("token, for the table", plain(), self.scoped(Some("/team/app/list.table"), everything)),
            ("token, for another table", plain(), self.scoped(Some("/team/app/lists.table"), everything)),
            ("token, for another namespace", plain(), self.scoped(Some("/tea"), everything)),
            ("token, to read", plain(), self.scoped(None, Role::Viewer.rights())),
            ("token, for members", plain(), self.scoped(Some("/team"), Role::Member.rights())),
            ("token, for nothing", plain(), self.scoped(None, Rights::NONE)),
            ("service account", plain(), service),
            ("disabled", disabled, self.actor()),
            ("platform admin", admin.clone(), self.actor()),
            ("platform admin, disabled", both, self.actor()),
            ("platform admin, token to read", admin, self.scoped(None, Role::Viewer.rights())),
            ("the platform", plain(), system),
            ("stranger", plain(), stranger),
            ("anonymous", plain(), Actor::anonymous()),
            ("user without an id", plain(), nameless),
        ];
        let grants = || vec![self.allow(1, Subject::User(self.user), role)];
        let to_everyone = [
            ("to everyone, stranger", Actor::principal(ActorKind::User, UserId::new(&self.env), "stranger")),
            ("to everyone, anonymous", Actor::anonymous()),
        ];
        let to_everyone = to_everyone.map(|(name, actor)| Situation {
            name,
            grants: vec![self.allow(1, Subject::Everyone, role)],
            standing: Standing::default(),
            actor,
        });
        lists
            .into_iter()
            .map(|(name, standing, actor)| Situation { name, grants: grants(), standing, actor })
            .chain(to_everyone)
            .collect()
    }
}

fn letters(rights: Rights) -> String {
    let letter = |(right, letter)| if rights.contains(right) { letter } else { '-' };
    Right::ALL.into_iter().zip("rwudxao".chars()).map(letter).collect()
}

#[test]
fn the_matrix_is_as_reviewed() {
    let scene = Scene::new();
    let mut text = String::from(
        "# r read, w write, u update, d delete, x run, a admin, o owner\n\
         # Someone in one group asks about /team/app/list.table; `role` is the role of the grant or denial.\n\n",
    );
    let columns: Vec<String> = Role::ALL.into_iter().map(|role| format!("{:<7}", role.as_str())).collect();
    writeln!(text, "{:<32}{}", "situation", columns.join("  ").trim_end()).unwrap();
    let mut table: Vec<(&str, Vec<String>)> = Vec::new();
    for role in Role::ALL {
        let situations = scene.with_grants(role).into_iter().chain(scene.with_actors(role));
        for (at, situation) in situations.enumerate() {
            if table.len() == at {
                table.push((situation.name, Vec::new()));
            }
            table[at].1.push(letters(scene.rights(situation)));
        }
    }
    for (name, cells) in table {
        writeln!(text, "{name:<32}{}", cells.join("  ")).unwrap();
    }
    if text != GOLDEN {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("access_matrix.txt");
        fs::write(&new, &text).unwrap();
        panic!(
            "the matrix differs from tests/it/access_matrix.txt; the new one is {}\n{text}",
            new.display()
        );
    }
}
