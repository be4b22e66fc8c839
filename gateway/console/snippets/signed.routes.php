<?php
// routes/support.php: at the end of routes/web.php, require __DIR__ . '/support.php';
// In config/services.php, 'usher' => ['secret' => env('USHER_SECRET')], and in .env
// USHER_SECRET, the secret of the tenant's key: in no page.

use Illuminate\Http\Request;
use Illuminate\Support\Facades\Route;

// Signs who is signed in here, at the click.
Route::post('/support/assertion', function (Request $request) {
    $user = $request->user();
    $noStore = ['Cache-Control' => 'no-store, private'];
    if (!$user || !$user->email) {
        return $request->ajax() ? response()->json(['message' => 'Please sign in.'], 401, $noStore)
            : redirect(Route::has('login') ? route('login') : '/', 303, $noStore);
    }
    $secret = trim((string) config('services.usher.secret'));
    if (strlen($secret) < 32) {
        throw new RuntimeException('services.usher.secret is missing, or short');
    }
    $b64 = fn (string $x): string => rtrim(strtr(base64_encode($x), '+/', '-_'), '=');
    $now = time();
    $text = $b64(json_encode(['alg' => 'HS256', 'kid' => @kid-php@], JSON_THROW_ON_ERROR)) . '.' .
        $b64(json_encode([
            'iss' => @issuer-php@,
            'aud' => '@tenant@',
            'iat' => $now,
            'exp' => $now + 60,
            'jti' => bin2hex(random_bytes(16)), // new each time
            'sub' => (string) $user->getAuthIdentifier(),
            'email' => $user->email,
            'name' => (string) $user->name,
        ], JSON_THROW_ON_ERROR));
    $fields = [
        'assertion' => $text . '.' . $b64(hash_hmac('sha256', $text, $secret, true)),
        'email' => $user->email,
        'name' => (string) $user->name,
    ];
    if ($request->ajax()) {
        return response()->json($fields, 200, $noStore);
    }
    // Without usher.js: a page that goes on by itself.
    $page = '<!doctype html><title>Support</title><form method="post" action="@action@">';
    foreach ($fields as $name => $value) {
        $page .= '<input type="hidden" name="' . $name . '" value="' . e($value) . '">';
    }
    return response($page . '<button>Continue to support</button></form><script>document.forms[0].submit()</script>',
        200, $noStore + ['Referrer-Policy' => 'strict-origin-when-cross-origin']);
})->name('support.assertion');
