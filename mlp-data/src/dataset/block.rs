//! The rows of a block of sessions, the unit in which work is dealt to threads.

use rand::{Rng, RngExt};

use super::Options;
use super::format::{Arena, push_location, push_user};
use crate::labeller::{Judge, Traits, choose_scored};
use crate::sample::empty_user;
use crate::{Behaviour, Location, Streams, User, UserPool, UserSampler, sample_catalog};

/// Rows of a block, roughly; a block of this many stays in a core's cache.
const ROWS_PER_BLOCK: u32 = 1024;

/// Everything that blocks are computed from, read by all threads.
pub(super) struct Plan {
    users: Users,
    traits: Vec<Traits>,
    /// The end of a row for each location: its columns, the label 0 and a line break.
    row_ends: Arena,
    streams: Streams,
    sessions: u64,
    sessions_per_block: u64,
    locations_per_session: usize,
    distinct: bool,
}

/// Where users come from.
enum Users {
    Pool { pool: UserPool, text: Arena },
    Fresh(UserSampler),
}

impl Plan {
    /// Samples the pool and the catalogue, which is returned beside the plan.
    pub(super) fn new(options: &Options) -> (Plan, Vec<Location>) {
        let mut rng = Streams::new(options.seed, "catalog").stream(0);
        let catalog = sample_catalog(&options.locations, &mut rng);
        let mut row_ends = Arena::default();
        for location in &catalog {
            row_ends.add(|out| {
                push_location(out, location);
                out.extend_from_slice(b"\t0\n");
            });
        }
        let per_block = (ROWS_PER_BLOCK / options.n_loc_per_user).max(1);
        let plan = Plan {
            users: Users::new(options),
            traits: catalog.iter().map(Traits::of).collect(),
            row_ends,
            streams: Streams::new(options.seed, "sessions"),
            sessions: options.n_user,
            sessions_per_block: u64::from(per_block),
            locations_per_session: options.n_loc_per_user as usize,
            distinct: options.distinct,
        };
        (plan, catalog)
    }

    /// The users of the pool, or none where each session has its own.
    pub(super) fn pool(&self) -> &[crate::SimulatedUser] {
        match &self.users {
            Users::Pool { pool, .. } => pool.users(),
            Users::Fresh(_) => &[],
        }
    }

    /// Number of blocks.
    pub(super) fn blocks(&self) -> u64 {
        self.sessions.div_ceil(self.sessions_per_block)
    }

    fn sessions_in(&self, block: u64) -> u64 {
        let before = block * self.sessions_per_block;
        (self.sessions - before).min(self.sessions_per_block)
    }
}

impl Users {
    fn new(options: &Options) -> Users {
        let start = options.start_date;
        if options.fresh_users {
            return Users::Fresh(UserSampler::new(&options.users, options.mix, start));
        }
        let mut rng = Streams::new(options.seed, "pool").stream(0);
        let pool = UserPool::sample(&options.users, options.mix, start, &mut rng);
        let mut text = Arena::default();
        for user in pool.users() {
            text.add(|out| push_user(out, &user.user));
        }
        Users::Pool { pool, text }
    }
}

/// The text of some sessions.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Lines of the table of users, none where they come from a pool.
    pub(super) users: Vec<u8>,
    /// Lines of the labelled table.
    pub(super) labelled: Vec<u8>,
    /// Number of labelled lines.
    pub(super) rows: u64,
    /// Sessions that end in a choice.
    pub(super) choices: u64,
}

/// Computes blocks; each thread has its own.
pub(super) struct BlockMaker<'a> {
    plan: &'a Plan,
    shown: Shown,
    scores: Vec<f64>,
    user: User,
    user_text: Vec<u8>,
}

impl<'a> BlockMaker<'a> {
    pub(super) fn new(plan: &'a Plan, options: &Options) -> BlockMaker<'a> {
        BlockMaker {
            plan,
            shown: Shown::new(plan),
            scores: Vec::with_capacity(plan.locations_per_session),
            user: empty_user(options.start_date),
            user_text: Vec::new(),
        }
    }

    /// Writes block number `index` over what `block` holds.
    pub(super) fn fill(&mut self, index: u64, block: &mut Block) {
        block.users.clear();
        block.labelled.clear();
        block.choices = 0;
        let sessions = self.plan.sessions_in(index);
        block.rows = sessions * self.plan.locations_per_session as u64;
        let mut rng = self.plan.streams.stream(index);
        for _ in 0..sessions {
            self.session(&mut rng, block);
        }
    }

    fn session(&mut self, rng: &mut impl Rng, block: &mut Block) {
        let plan = self.plan;
        let (user, behaviour, text): (&User, &Behaviour, &[u8]) = match &plan.users {
            Users::Pool { pool, text } => {
                let index = pool.draw(rng);
                let user = &pool.users()[index];
                (&user.user, &user.behaviour, text.get(index))
            }
            Users::Fresh(sampler) => {
                let profile = sampler.sample_into(&mut self.user, rng);
                self.user_text.clear();
                push_user(&mut self.user_text, &self.user);
                block.users.extend_from_slice(&self.user_text);
                block.users.push(b'\n');
                let behaviour = sampler.profile(profile).behaviour();
                (&self.user, behaviour, &self.user_text)
            }
        };
        self.shown.draw(rng);
        let judge = Judge::new(user, behaviour);
        let traits = |&location: &u32| judge.score(&plan.traits[location as usize]);
        self.scores.clear();
        self.scores.extend(self.shown.locations.iter().map(traits));
        let choice = choose_scored(behaviour, &self.scores, rng);
        block.choices += u64::from(choice.is_some());
        for (index, &location) in self.shown.locations.iter().enumerate() {
            block.labelled.extend_from_slice(text);
            let end = plan.row_ends.get(location as usize);
            block.labelled.extend_from_slice(end);
            if choice == Some(index) {
                let label = block.labelled.len() - 2;
                block.labelled[label] = b'1';
            }
        }
    }
}

/// The locations that a session shows.
struct Shown {
    locations: Vec<u32>,
    catalog: u32,
    count: usize,
    /// All locations in order, where those of a session must differ; else empty.
    deck: Vec<u32>,
    swaps: Vec<usize>,
}

impl Shown {
    fn new(plan: &Plan) -> Shown {
        let catalog = plan.traits.len() as u32;
        Shown {
            locations: Vec::with_capacity(plan.locations_per_session),
            catalog,
            count: plan.locations_per_session,
            deck: if plan.distinct {
                (0..catalog).collect()
            } else {
                Vec::new()
            },
            swaps: Vec::new(),
        }
    }

    fn draw(&mut self, rng: &mut impl Rng) {
        self.locations.clear();
        if self.deck.is_empty() {
            let drawn = (0..self.count).map(|_| rng.random_range(0..self.catalog));
            self.locations.extend(drawn);
        } else {
            self.draw_distinct(rng);
        }
    }

    /// The beginning of a Fisher-Yates shuffle. Puts the deck back in order, since what a block
    /// holds must not depend on the blocks that the same thread has made before.
    fn draw_distinct(&mut self, rng: &mut impl Rng) {
        self.swaps.clear();
        for place in 0..self.count {
            let other = rng.random_range(place as u32..self.catalog) as usize;
            self.deck.swap(place, other);
            self.swaps.push(other);
        }
        self.locations.extend_from_slice(&self.deck[..self.count]);
        for (place, &other) in self.swaps.iter().enumerate().rev() {
            self.deck.swap(place, other);
        }
    }
}
