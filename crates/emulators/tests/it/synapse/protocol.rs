//! What lies below statements: packets, attention, the flow of tokens, faults, hostile clients.

use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    SQL, Synapse,
    raw::{ATTENTION, BATCH, FEDAUTH_TOKEN, RawClient, utf16},
    tables::NUMBERS,
};

const DONE_ERROR: u16 = 0x02;
const DONE_COUNT: u16 = 0x10;
const DONE_ATTENTION: u16 = 0x20;

#[tokio::test]
async fn replies_are_split_at_the_negotiated_packet_size() {
    let synapse = Synapse::start().await;
    for (asked, expected) in [(0, 4096), (512, 512), (8000, 8000), (1_000_000, 32_767)] {
        let mut client = RawClient::logged_in(&synapse, asked).await;
        client.batch("SELECT * FROM numbers").await;
        let reply = client.receive().await.unwrap();
        let (last, full) = reply.packets.split_last().unwrap();
        assert!(full.iter().all(|packet| *packet == expected), "{asked}");
        assert!(*last <= expected);
        assert_eq!(reply.done(), (DONE_COUNT, u64::try_from(NUMBERS).unwrap()));
    }
}

#[tokio::test]
async fn an_attention_ends_a_result_and_the_session_goes_on() {
    let synapse = Synapse::start().await;
    let mut client = RawClient::logged_in(&synapse, 4096).await;
    // Far more rows than the network's buffers hold, so that the attention meets a running result.
    client.batch("SELECT a.name, b.name FROM numbers a, numbers b").await;
    client.send(ATTENTION, &[]).await;
    let reply = client.receive().await.unwrap();
    let (status, _) = reply.done();
    assert_eq!(status & DONE_ATTENTION, DONE_ATTENTION);

    client.batch("SELECT 1").await;
    assert_eq!(client.receive().await.unwrap().done(), (DONE_COUNT, 1));

    // And an attention when nothing runs.
    client.send(ATTENTION, &[]).await;
    let (status, _) = client.receive().await.unwrap().done();
    assert_eq!(status, DONE_ATTENTION);
}

#[tokio::test]
async fn a_client_that_gets_itself_a_token_is_told_where_and_logged_in_with_it() {
    let synapse = Synapse::start().await;
    // FEDAUTH with the library ADAL, the echo of PRELOGIN, and the workflow of managed identities.
    let features = [2, 2, 0, 0, 0, 0x02 << 1 | 1, 3, 0xff];
    for (audience, accepted) in [(SQL, true), ("https://vault.azure.net", false)] {
        let mut client = RawClient::connect(&synapse).await;
        client.log_in(4096, None, &features).await;
        let info = client.receive().await.unwrap().tokens;
        // The whole reply is one FEDAUTHINFO token: no DONE.
        assert_eq!(info[0], 0xee);
        let length = u32::from_le_bytes(info[1..5].try_into().unwrap());
        assert_eq!(info.len(), 5 + length as usize);
        let has = |text: &str| info.windows(text.len() * 2).any(|found| found == utf16(text));
        assert!(has(SQL));
        assert!(has(&synapse.fixture.emulators.endpoints().authority_host()));

        let token = utf16(&synapse.fixture.token("uami-demo", audience));
        let length = u32::try_from(token.len()).unwrap();
        let message = [&(length + 4).to_le_bytes()[..], &length.to_le_bytes(), &token].concat();
        client.send(FEDAUTH_TOKEN, &message).await;
        let (status, _) = client.receive().await.unwrap().done();
        assert_eq!(status & DONE_ERROR == 0, accepted);
    }
}

#[tokio::test]
async fn a_cut_result_ends_the_connection_after_exactly_so_many_bytes() {
    let synapse = Synapse::start().await;
    let faults = synapse.fixture.emulators.faults();
    for bytes in [1, 5000, 200_000] {
        faults.cut_synapse_result(Some(bytes));
        let mut client = RawClient::logged_in(&synapse, 4096).await;
        // A result that is too short leaves the fault to the next one.
        if bytes > 1 {
            client.batch("SELECT 1").await;
            client.receive().await.unwrap();
        }
        client.batch("SELECT * FROM numbers").await;
        let received = client.receive().await.err().unwrap();
        assert_eq!(received as u64, bytes);
    }
    let mut client = RawClient::logged_in(&synapse, 4096).await;
    client.batch("SELECT * FROM numbers").await;
    assert_eq!(client.receive().await.unwrap().done().1, u64::try_from(NUMBERS).unwrap());
}

#[tokio::test]
async fn a_client_that_breaks_the_protocol_is_cut_off_and_others_are_served() {
    let synapse = Synapse::start().await;
    let mut other = RawClient::logged_in(&synapse, 4096).await;
    let unended = [BATCH, 0, 0x10, 0, 0, 0, 1, 0];
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[BATCH, 1, 0, 0], &unended] {
        let mut client = RawClient::logged_in(&synapse, 4096).await;
        client.send_bytes_and_end(bytes).await;
        assert!(client.receive().await.is_err(), "{bytes:?}");
    }
    // The same before TLS and before the login.
    let address = synapse.fixture.emulators.endpoints().synapse.unwrap();
    for bytes in [&[0x12, 1, 0, 9, 0, 0, 1, 0, 0][..], b"\x16\x03\x01\x00\x01x", &[0; 100]] {
        let mut plain = TcpStream::connect(address).await.unwrap();
        plain.write_all(bytes).await.unwrap();
        plain.shutdown().await.unwrap();
    }
    let mut client = RawClient::connect(&synapse).await;
    client.batch("SELECT 1").await;
    assert!(client.receive().await.is_err());

    other.batch("SELECT 1").await;
    assert_eq!(other.receive().await.unwrap().done(), (DONE_COUNT, 1));
}
