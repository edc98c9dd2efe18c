//! Where posts are found from outside.

use entity::route::Of;
use entity::{Method, Route};

use crate::posts::api::{Delete, Publish, ReadPost};
use crate::posts::user_counts::UserCounts;
use crate::posts::user_posts::UserPosts;

/// All routes of posts.
pub fn routes() -> Vec<Route> {
    vec![
        Route::command::<Publish>(Method::Post, "/v1/me/feed", Of::Caller).creates(),
        Route::command::<Delete>(Method::Delete, "/v1/me/posts/{post}", Of::Caller),
        Route::operation::<UserCounts>(Method::Get, "/v1/users/{user}/counts"),
        Route::operation::<UserPosts>(Method::Get, "/v1/users/{user}/posts"),
        Route::query::<ReadPost>("/v1/users/{user}/posts/{post}", Of::Path("user")),
    ]
}
