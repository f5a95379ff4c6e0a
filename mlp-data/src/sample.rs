//! Drawing users and locations from profiles. The caller supplies the random generator.

use rand::{Rng, RngExt};

use crate::config::Span;
use crate::{
    Date, Location, LocationConfig, LocationProfile, SimulatedUser, User, UserConfig, UserProfile,
};

/// How often each profile of users comes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mix {
    /// Every profile equally often; the default.
    #[default]
    Even,
    /// Each profile in proportion to its `meta_n`.
    MetaN,
}

/// Samples fresh users, each of them anew.
///
/// ```
/// use mlp_data::{Mix, UserConfig, UserSampler};
/// use rand::SeedableRng;
///
/// let table = "meta_comment\tpeople_min\tpeople_max\nCouple\t2\t2\n";
/// let config = UserConfig::from_reader("user.tsv", table.as_bytes())?.value;
/// let start = mlp_data::Date::new(2026, 1, 1).unwrap();
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(42);
/// let couple = UserSampler::new(&config, Mix::Even, start).sample(&mut rng);
/// assert_eq!((couple.user.people_num, couple.user.people_age.len()), (2, 2));
/// # Ok::<(), mlp_data::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct UserSampler {
    profiles: Vec<UserProfile>,
    draw: ProfileDraw,
    start_date: Date,
}

impl UserSampler {
    /// A sampler whose users arrive after `start_date`, at the latest on [`Date::MAX`].
    pub fn new(config: &UserConfig, mix: Mix, start_date: Date) -> UserSampler {
        UserSampler {
            profiles: config.profiles().to_vec(),
            draw: ProfileDraw::new(config, mix),
            start_date,
        }
    }

    /// Draws a profile, then a user of it.
    pub fn sample(&self, rng: &mut (impl Rng + ?Sized)) -> SimulatedUser {
        let profile = self.draw.profile(rng);
        sample_user(&self.profiles[profile], profile, self.start_date, rng)
    }

    /// As [`sample`](UserSampler::sample), into a user that is there already; returns the index
    /// of its profile.
    pub(crate) fn sample_into(&self, user: &mut User, rng: &mut impl Rng) -> usize {
        let profile = self.draw.profile(rng);
        fill_user(&self.profiles[profile], self.start_date, user, rng);
        profile
    }

    pub(crate) fn profile(&self, index: usize) -> &UserProfile {
        &self.profiles[index]
    }
}

/// A pool of `meta_n` users of each profile, from which users come again and again.
#[derive(Clone, Debug)]
pub struct UserPool {
    users: Vec<SimulatedUser>,
    /// Where the users of each profile that has any begin, and one past the last user.
    starts: Vec<usize>,
    mix: Mix,
}

impl UserPool {
    /// Samples the pool, profile by profile in the order of the configuration.
    pub fn sample(
        config: &UserConfig,
        mix: Mix,
        start_date: Date,
        rng: &mut (impl Rng + ?Sized),
    ) -> UserPool {
        let mut users = Vec::with_capacity(config.pool_size());
        let mut starts = Vec::new();
        for (index, profile) in config.profiles().iter().enumerate() {
            if profile.meta_n > 0 {
                starts.push(users.len());
            }
            let fresh = (0..profile.meta_n).map(|_| sample_user(profile, index, start_date, rng));
            users.extend(fresh);
        }
        starts.push(users.len());
        UserPool { users, starts, mix }
    }

    /// All users, shape `(pool_size,)`, profile by profile.
    pub fn users(&self) -> &[SimulatedUser] {
        &self.users
    }

    /// Draws the index of a user: with [`Mix::Even`] the profile first, evenly, then one of its
    /// users; with [`Mix::MetaN`] any user alike.
    pub fn draw(&self, rng: &mut (impl Rng + ?Sized)) -> usize {
        match self.mix {
            Mix::MetaN => rng.random_range(0..self.users.len()),
            Mix::Even => {
                let profile = rng.random_range(0..self.starts.len() - 1);
                rng.random_range(self.starts[profile]..self.starts[profile + 1])
            }
        }
    }
}

/// Samples `meta_n` locations of each profile, in the order of the configuration.
pub fn sample_catalog(config: &LocationConfig, rng: &mut (impl Rng + ?Sized)) -> Vec<Location> {
    let mut catalog = Vec::with_capacity(config.catalog_size());
    for profile in config.profiles() {
        catalog.extend((0..profile.meta_n).map(|_| sample_location(profile, rng)));
    }
    catalog
}

/// Draws profiles that have a `meta_n` of at least 1.
#[derive(Clone, Debug)]
struct ProfileDraw {
    /// Profiles and the sum of weights up to and with each.
    cumulative: Vec<(usize, u64)>,
    total: u64,
}

impl ProfileDraw {
    fn new(config: &UserConfig, mix: Mix) -> ProfileDraw {
        let mut total = 0;
        let mut cumulative = Vec::new();
        for (index, profile) in config.profiles().iter().enumerate() {
            total += match mix {
                Mix::Even => u64::from(profile.meta_n > 0),
                Mix::MetaN => u64::from(profile.meta_n),
            };
            if profile.meta_n > 0 {
                cumulative.push((index, total));
            }
        }
        ProfileDraw { cumulative, total }
    }

    fn profile(&self, rng: &mut (impl Rng + ?Sized)) -> usize {
        let point = rng.random_range(0..self.total);
        let place = self.cumulative.partition_point(|&(_, sum)| sum <= point);
        self.cumulative[place].0
    }
}

fn sample_user(
    profile: &UserProfile,
    index: usize,
    start_date: Date,
    rng: &mut (impl Rng + ?Sized),
) -> SimulatedUser {
    let mut user = empty_user(start_date);
    fill_user(profile, start_date, &mut user, rng);
    SimulatedUser {
        user,
        behaviour: profile.behaviour.clone(),
        profile: index,
    }
}

/// A user to be filled by [`UserSampler::sample_into`].
pub(crate) fn empty_user(time_arrival: Date) -> User {
    User {
        name: String::new(),
        people_num: 0,
        people_age: Vec::new(),
        children_num: 0,
        budget: 0.0,
        nights: 0,
        time_arrival,
        pool: false,
        spa: false,
        pet_friendly: false,
        lake: false,
        mountain: false,
        sport: false,
    }
}

fn fill_user(
    profile: &UserProfile,
    start_date: Date,
    user: &mut User,
    rng: &mut (impl Rng + ?Sized),
) {
    user.name.clone_from(&profile.name);
    user.people_num = whole(profile.people, rng);
    user.people_age.clear();
    let ages = (0..user.people_num).map(|_| whole(profile.age, rng));
    user.people_age.extend(ages);
    // With a `minor_age` of 0 nobody is younger, so that no one counts as a child.
    let minor = user.people_age.iter().any(|&age| age < profile.minor_age);
    user.children_num = u32::from(minor);
    user.budget = real(profile.budget, rng);
    user.nights = whole(profile.nights, rng);
    user.time_arrival = start_date.saturating_add_days(whole(profile.arrival, rng));
    user.pool = happens(profile.pool, rng);
    user.spa = happens(profile.spa, rng);
    user.pet_friendly = happens(profile.pet_friendly, rng);
    user.lake = happens(profile.lake, rng);
    user.mountain = happens(profile.mountain, rng);
    user.sport = happens(profile.sport, rng);
}

fn sample_location(profile: &LocationProfile, rng: &mut (impl Rng + ?Sized)) -> Location {
    Location {
        children: happens(profile.children, rng),
        breakfast: happens(profile.breakfast, rng),
        lunch: happens(profile.lunch, rng),
        dinner: happens(profile.dinner, rng),
        price: real(profile.price, rng),
        has_pool: happens(profile.pool, rng),
        has_spa: happens(profile.spa, rng),
        animals: happens(profile.animals, rng),
        near_lake: happens(profile.lake, rng),
        near_mountains: happens(profile.mountains, rng),
        has_sport: happens(profile.sport, rng),
        family_rating: real(profile.family, rng),
        outdoor_rating: real(profile.outdoor, rng),
        food_rating: real(profile.food, rng),
        leisure_rating: real(profile.leisure, rng),
        service_rating: real(profile.service, rng),
        user_score: real(profile.score, rng),
    }
}

/// True with probability `p`; one draw, whatever `p` is.
pub(crate) fn happens(p: f64, rng: &mut (impl Rng + ?Sized)) -> bool {
    rng.random::<f64>() < p
}

fn whole(span: Span<u32>, rng: &mut (impl Rng + ?Sized)) -> u32 {
    if span.min < span.max {
        rng.random_range(span.min..span.max)
    } else {
        span.min
    }
}

fn real(span: Span<f64>, rng: &mut (impl Rng + ?Sized)) -> f64 {
    if span.min < span.max {
        rng.random_range(span.min..span.max)
    } else {
        span.min
    }
}
