pub(crate) fn polls() -> Vec<Sample> {
    use polls::api::{
        Choice, Close, MyPolls, NoteOpened, Open, OpenError, PollId, PollList, PollView,
        PollsterId, Results, UnknownPollError, Vote, VoteError,
    };
    use polls::open_poll::{OpenPoll, OpenedPoll};
    use polls::{Poll, PollEvent, Pollster};
    let times = r#""closes_at":"2026-01-31T12:00:00.000000Z","is_closed":true"#;
    let wanted = r#"{"question":"Tea?","choices":["yes","no"],"lasting_seconds":60}"#;
    let choices = r#"[{"text":"yes","votes":7}]"#;
    let poll = format!(r#"{{"question":"Tea?","choices":{choices},{times}}}"#);
    samples! {
        PollId: r#""@1""#,
        PollsterId: r#""@1""#,
        OpenPoll: wanted,
        OpenedPoll: r#"{"poll":"@1"}"#,
        Open: &format!(r#"{{"owner":"@2","poll":{wanted}}}"#),
        OpenError: r#"{"text_size":{"bytes":201}}"#,
        OpenError: r#"{"choice_count":{"count":1}}"#,
        OpenError: r#"{"lasting":{"seconds":0}}"#,
        Vote: r#"{"choice":1}"#,
        VoteError: r#""unknown""#,
        VoteError: r#""no_account""#,
        VoteError: r#""closed""#,
        VoteError: r#""choice""#,
        VoteError: r#""voted""#,
        Close: "{}",
        Results: "{}",
        PollView: &poll,
        UnknownPollError: r#""unknown""#,
        Choice: r#"{"text":"yes","votes":7}"#,
        NoteOpened: r#"{"poll":"@1"}"#,
        MyPolls: "{}",
        PollList: r#"{"polls":["@2","@1"]}"#,
        Poll: &poll,
        PollEvent: r#"{"voted":{"choice":1,"votes":7}}"#,
        PollEvent: r#""closed""#,
        Pollster: "{}",
    }
}
