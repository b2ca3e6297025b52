//! Two hundred jobs that start together and want the same secret of one vault.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    process::{Child, Stdio},
};

use azconnect_emulators::{Config, RequestLimitConfig, Service};

use crate::world::World;

const JOBS: u64 = 200;

/// Starts all jobs, sees that each has its secret, and gives the number of requests that it took.
fn requests_of_all(world: &World, arguments: &[&str]) -> u64 {
    let start = || -> Child {
        let mut command = world.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let jobs: Vec<Child> = (0..JOBS).map(|_| start()).collect();
    for job in jobs {
        let output = job.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout, b"the value of demo-secret");
    }
    world.emulators.key_vault_requests().values().sum()
}

#[test]
fn each_of_many_jobs_needs_one_request() {
    let world = World::new();
    let get = ["secret", "get", "akv://kv-demo/demo-secret"];
    // The vault's tokens are known from the cloud's definition: nobody asks for the challenge.
    assert_eq!(requests_of_all(&world, &get), JOBS);
    let expected = BTreeMap::from([("GET /secrets/demo-secret".to_owned(), JOBS)]);
    assert_eq!(world.emulators.key_vault_requests(), expected);
    // One token each, and nothing that only an app would ask for.
    assert_eq!(world.emulators.requests(Service::Imds), JOBS);
    assert_eq!(world.emulators.requests(Service::Entra), 0);
}

#[test]
fn jobs_beyond_the_limit_of_the_vault_wait_and_do_not_hammer() {
    let number = |number| NonZeroU32::new(number).unwrap();
    let mut config = Config::default();
    config.vaults[0].request_limit =
        RequestLimitConfig { requests: number(60), seconds: number(4) };
    let world = World::with(config);
    let get = ["secret", "get", "akv://kv-demo/demo-secret", "--start-jitter", "2s"];
    let requests = requests_of_all(&world, &get);
    assert!(requests > JOBS, "nobody was throttled");
    // Those that are turned away come back when they were told to, each at a moment of its own.
    assert!(requests < JOBS * 4, "{requests} requests for {JOBS} secrets");
}
