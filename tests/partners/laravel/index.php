<?php
// A site of Laravel's: Debian's framework, with sessions, a guard, Blade.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
require_once 'Illuminate/autoload.php';

use Illuminate\Foundation\Http\Kernel;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Route;

$_SERVER['HTTPS'] = 'on';
$base = getenv('PARTNER_BASE');

class SiteProvider extends Illuminate\Foundation\Support\Providers\RouteServiceProvider
{
	public function boot()
	{
		parent::boot();
		Route::middleware('web')->group(function () {
			Route::get('/', fn () => view('home'));
			Route::get('/signed', fn () => view('signed'));
			require base_path('routes/support.php');
			Route::get('/login', fn () => 'sign in here')->name('login');
			Route::get('/as/{id}', function ($id) {
				Auth::loginUsingId($id);
				return redirect('/');
			});
			Route::get('/out', function () {
				Auth::logout();
				request()->session()->invalidate();
				return 'signed out';
			});
		});
	}
}

class SiteKernel extends Kernel
{
	protected $middlewareGroups = ['web' => [
		Illuminate\Cookie\Middleware\EncryptCookies::class,
		Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse::class,
		Illuminate\Session\Middleware\StartSession::class,
		Illuminate\View\Middleware\ShareErrorsFromSession::class,
		Illuminate\Foundation\Http\Middleware\VerifyCsrfToken::class,
		Illuminate\Routing\Middleware\SubstituteBindings::class,
	]];
}

$app = new Illuminate\Foundation\Application($base);
$app->singleton(Illuminate\Contracts\Http\Kernel::class, SiteKernel::class);
$app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);
$kernel = $app->make(Illuminate\Contracts\Http\Kernel::class);
$request = Illuminate\Http\Request::capture();
$response = $kernel->handle($request)->send();
$kernel->terminate($request, $response);
