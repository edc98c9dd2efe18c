//! One value of every type, and of every variant of every enum.

use actors::{accounts, feeds, follows, page as pages, posts};

use crate::golden::Sample;

macro_rules! samples {
    ($($type:path: $json:expr,)+) => { vec![$(Sample::of::<$type>($json),)+] };
}

const DIGEST: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

const TIMES: &str =
    r#""created_at":"2026-01-31T12:00:00.000000Z","expires_at":"2026-03-02T12:00:00.000001Z""#;

pub(crate) fn accounts() -> Vec<Sample> {
    [account_values(), account_messages(), account_states(), account_operations()]
        .into_iter()
        .flatten()
        .collect()
}

fn token() -> String {
    format!(r#""roost_@1@2{DIGEST}""#)
}

fn account_values() -> Vec<Sample> {
    use accounts::api::{
        Digest, HandleName, Password, PasswordHash, Secret, SessionId, Token, UserId,
    };
    let secret = format!("{:?}", (0..32).collect::<Vec<u8>>()).replace(' ', "");
    samples! {
        UserId: r#""@1""#,
        SessionId: r#""@1""#,
        HandleName: r#""ann_7""#,
        PasswordHash: r#""$argon2id$""#,
        Password: r#""long enough""#,
        Secret: &secret,
        Digest: &format!(r#""{DIGEST}""#),
        Token: &token(),
    }
}

fn account_messages() -> Vec<Sample> {
    use accounts::api::{
        AccountProfile, AccountStatus, Confirm, Credentials, EndSession, EndSessionError,
        FindOwner, FindOwnerError, HandleOwned, HandleOwner, HandleReserved, HandleTaken, Lapse,
        ListSessions, Open, OpenError, Opened, Profile, ProfileError, Reserve, SessionList,
        SessionView, StartSession, StartSessionError, Status, TakenError, VerifySession,
        VerifySessionError,
    };
    let view = format!(r#"{{"session":"@1","label":"phone",{TIMES}}}"#);
    samples! {
        Open: r#"{"handle":"ann","password_hash":"$argon2id$"}"#,
        Opened: r#""now""#,
        Opened: r#""before""#,
        OpenError: r#""other_handle""#,
        OpenError: r#"{"password_hash_size":{"bytes":257}}"#,
        HandleReserved: "{}",
        HandleOwned: "{}",
        HandleTaken: "{}",
        StartSession: &format!(r#"{{"digest":"{DIGEST}","label":"phone"}}"#),
        StartSessionError: r#""not_active""#,
        StartSessionError: r#"{"label_size":{"bytes":101}}"#,
        EndSession: r#"{"session":"@1"}"#,
        EndSessionError: r#""unknown""#,
        Status: "{}",
        AccountStatus: r#""nobody""#,
        AccountStatus: r#""opening""#,
        AccountStatus: r#""active""#,
        AccountStatus: r#""refused""#,
        Credentials: "{}",
        VerifySession: &format!(r#"{{"session":"@1","digest":"{DIGEST}"}}"#),
        VerifySessionError: r#""invalid""#,
        Profile: "{}",
        AccountProfile: r#"{"user":"@1","handle":"ann","created_at":"2026-01-31T12:00:00.000000Z"}"#,
        ProfileError: r#""unknown""#,
        ListSessions: "{}",
        SessionList: &format!(r#"{{"sessions":[{view}]}}"#),
        SessionView: &view,
        Reserve: r#"{"account":"@1"}"#,
        Confirm: r#"{"account":"@1"}"#,
        TakenError: r#""taken""#,
        Lapse: "{}",
        FindOwner: "{}",
        HandleOwner: r#"{"user":"@1","handle":"ann"}"#,
        FindOwnerError: r#""unknown""#,
    }
}

fn account_states() -> Vec<Sample> {
    use accounts::{Account, Holder, Session};
    samples! {
        Account: r#""nobody""#,
        Account: r#"{"opening":{"handle":"ann","password_hash":"$argon2id$"}}"#,
        Account: r#"{"active":{"handle":"ann","password_hash":"$argon2id$","created_at":"2026-01-31T12:00:00.000000Z"}}"#,
        Account: r#"{"refused":{"handle":"ann"}}"#,
        Session: &format!(r#"{{"digest":"{DIGEST}","label":"phone",{TIMES}}}"#),
        Holder: r#""nobody""#,
        Holder: r#"{"reserved":{"account":"@1","until":"2026-01-31T12:00:00.000000Z"}}"#,
        Holder: r#"{"owned":{"account":"@1"}}"#,
    }
}

fn account_operations() -> Vec<Sample> {
    use accounts::api::{LogInError, RegisterError};
    use accounts::log_in::{LogIn, LoggedIn};
    use accounts::me::Me;
    use accounts::register::Register;
    let token = token();
    samples! {
        Register: r#"{"handle":"ann","password":"long enough"}"#,
        RegisterError: r#"{"password_size":{"chars":7}}"#,
        RegisterError: r#""handle_taken""#,
        RegisterError: r#""opening""#,
        LogIn: r#"{"handle":"ann","password":"long enough","label":"phone"}"#,
        LogInError: r#""credentials_wrong""#,
        LoggedIn: &format!(r#"{{"user":"@1","handle":"ann","token":{token},"expires_at":"2026-03-02T12:00:00.000001Z"}}"#),
        Me: "{}",
    }
}

pub(crate) fn follows() -> Vec<Sample> {
    use follows::api::{
        Counts, Follow, FollowError, Followed, FollowerCounts, FollowerId, Following,
        FollowingPage, Unfollow,
    };
    use follows::follow_user::FollowUser;
    use follows::{Follower, FollowsEvent, Since};
    samples! {
        FollowerId: r#""@1""#,
        Follow: r#"{"user":"@2"}"#,
        FollowError: r#""oneself""#,
        FollowError: r#""full""#,
        Unfollow: r#"{"user":"@2"}"#,
        Following: r#"{"after":null,"limit":20}"#,
        Following: r#"{"after":"@2","limit":100}"#,
        FollowingPage: r#"{"users":[{"user":"@2","since":"2026-01-31T12:00:00.000000Z"}],"next":"@2"}"#,
        FollowingPage: r#"{"users":[],"next":null}"#,
        Followed: r#"{"user":"@2","since":"2026-01-31T12:00:00.000000Z"}"#,
        Counts: "{}",
        FollowerCounts: r#"{"following":7}"#,
        Follower: r#"{"following_count":7}"#,
        FollowsEvent: r#"{"followed":{"user":"@2"}}"#,
        FollowsEvent: r#"{"unfollowed":{"user":"@2"}}"#,
        Since: r#"{"time":"2026-01-31T12:00:00.000000Z"}"#,
        FollowUser: r#"{"user":"@2"}"#,
    }
}

pub(crate) fn posts() -> Vec<Sample> {
    use posts::api::{
        AddFollower, AuthorCounts, AuthorId, Counts, Delete, Found, ListFollowers, Lookup,
        LookupError, PostId, PostView, Posts, PostsPage, Publish, PublishError, Published, Pulled,
        PulledPage, ReadPost, RemoveFollower, UnknownPostError,
    };
    use posts::user_counts::UserCounts;
    use posts::user_posts::UserPosts;
    use posts::{Author, Post, PostChange, PostEvent};
    let view = r#"{"post":"@3","body":"hello","created_at":"2026-01-31T12:00:00.000000Z"}"#;
    samples! {
        AuthorId: r#""@1""#,
        PostId: r#""@3""#,
        Publish: r#"{"body":"hello"}"#,
        Published: r#"{"post":"@3"}"#,
        PublishError: r#"{"body_size":{"bytes":4097}}"#,
        PublishError: r#""body_blank""#,
        Delete: r#"{"post":"@3"}"#,
        UnknownPostError: r#""unknown""#,
        AddFollower: r#"{"follower":"@2"}"#,
        RemoveFollower: r#"{"follower":"@2"}"#,
        ListFollowers: r#"{"after":null}"#,
        ListFollowers: r#"{"after":"@2"}"#,
        Lookup: r#"{"posts":["@3","@4"]}"#,
        LookupError: r#"{"count":{"count":101}}"#,
        Found: &format!(r#"{{"posts":[{view},null]}}"#),
        PostView: view,
        ReadPost: r#"{"post":"@3"}"#,
        Posts: r#"{"before":"@4","limit":20}"#,
        PostsPage: &format!(r#"{{"posts":[{view}],"next":"@3"}}"#),
        Pulled: r#"{"before":null,"limit":20}"#,
        PulledPage: r#"{"posts":["@4","@3"],"next":null}"#,
        Counts: "{}",
        AuthorCounts: r#"{"followers":7,"posts":2}"#,
        Author: r#"{"follower_count":7,"post_count":2,"spread":true,"pulled":true}"#,
        Post: r#"{"body":"hello"}"#,
        PostChange: r#"{"published":{"author":"@1","post":"@3"}}"#,
        PostChange: r#"{"deleted":{"post":"@3"}}"#,
        PostEvent: &format!(r#"{{"post":{view}}}"#),
        PostEvent: r#"{"withdrawn":{"post":"@3"}}"#,
        UserCounts: r#"{"user":"@1"}"#,
        UserPosts: r#"{"user":"@1","before":null,"limit":20}"#,
    }
}

pub(crate) fn feeds() -> Vec<Sample> {
    use feeds::api::{
        AnnouncePulled, AuthorFollowed, AuthorPulled, AuthorUnfollowed, Backlog, BacklogSize,
        Cursor, Deliver, FanOutId, FeedEntry, FeedId, FeedPage, FollowersPage, FollowersPageError,
        HomeFeedError, ListAgain, ListingRefused, Page, PulledAuthorList, PulledAuthors, Spread,
        SpreadError, SpreadWithdrawn, Withdraw,
    };
    use feeds::home_feed::{HomeFeed, HomeItem, HomePage};
    use feeds::{FanOut, Feed, FeedEvent, FeedItem, Task};
    let item = r#"{"post":"@3","author":"@1","handle":"ann","body":"hello","created_at":"2026-01-31T12:00:00.000000Z"}"#;
    samples! {
        FeedId: r#""@1""#,
        FanOutId: r#""@1""#,
        Cursor: r#""7-@3""#,
        Deliver: r#"{"author":"@1","post":"@3"}"#,
        Withdraw: r#"{"author":"@1","post":"@3"}"#,
        AuthorFollowed: r#"{"author":"@1"}"#,
        AuthorUnfollowed: r#"{"author":"@1"}"#,
        AuthorPulled: r#"{"author":"@1"}"#,
        Page: r#"{"before":7,"limit":20}"#,
        FeedPage: r#"{"items":[{"offset":6,"author":"@1","post":"@3"}],"next":6}"#,
        FeedEntry: r#"{"offset":6,"author":"@1","post":"@3"}"#,
        PulledAuthors: "{}",
        PulledAuthorList: r#"{"authors":["@1"]}"#,
        Spread: r#"{"post":"@3"}"#,
        AnnouncePulled: "{}",
        SpreadWithdrawn: r#"{"post":"@3"}"#,
        SpreadError: r#""full""#,
        FollowersPage: r#"{"after":null,"followers":["@2"],"next":"@2"}"#,
        FollowersPageError: r#""not_asked""#,
        ListingRefused: "{}",
        ListAgain: "{}",
        Backlog: "{}",
        BacklogSize: r#"{"tasks":7}"#,
        Feed: "{}",
        FeedItem: r#"{"post":{"author":"@1","post":"@3"}}"#,
        FeedItem: r#"{"withdrawn":{"author":"@1","post":"@3"}}"#,
        FeedEvent: &format!(r#"{{"post":{item}}}"#),
        FeedEvent: r#"{"withdrawn":{"post":"@3","author":"@1"}}"#,
        FanOut: r#"{"added":7,"done":5,"told":"@2"}"#,
        Task: r#"{"deliver":{"post":"@3"}}"#,
        Task: r#""announce_pulled""#,
        Task: r#"{"withdraw":{"post":"@3"}}"#,
        HomeFeed: r#"{"cursor":null,"limit":20}"#,
        HomeFeedError: r#""cursor_invalid""#,
        HomePage: &format!(r#"{{"items":[{item}],"next":"7-@3"}}"#),
        HomeItem: item,
    }
}

pub(crate) fn page() -> Vec<Sample> {
    samples! { pages::PageLimit: "20", }
}
