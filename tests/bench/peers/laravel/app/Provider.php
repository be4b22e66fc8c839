<?php
namespace Peer\App;

use Illuminate\Cache\RateLimiting\Limit;
use Illuminate\Database\SQLiteConnection;
use Illuminate\Support\Facades\RateLimiter;
use Illuminate\Support\Facades\Route;

/** The routes, the limiter, and a connection that is kept between requests. */
class Provider extends \Illuminate\Support\ServiceProvider
{
	public function register()
	{
		$this->app->resolving('db', function ($db) {
			$db->extend('peer', fn ($config) => new SQLiteConnection(\Peer\Store::connect($config), $config['database'], '', $config));
		});
	}

	public function boot()
	{
		RateLimiter::for('api', fn ($request) => Limit::perMinute((int)(config('peer.limit') * 60 / config('peer.per')))->by($request->ip()));
		Route::middleware('api')->post('/api/auth/redirect/{tenant}', [SignIn::class, 'handoff']);
		Route::get('/auth/callback', [SignIn::class, 'callback']);
	}
}
