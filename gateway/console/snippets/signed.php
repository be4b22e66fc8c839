<?php
// support.php, on your server. It signs who is signed in here, at the click: with
// the secret of the tenant's key, from the environment (USHER_SECRET) and in no page.
declare(strict_types=1);

const USHER_ACTION = '@action@';
const USHER_LOGIN = '/login';

// Yours: who is signed in in this session, or null. The id never changes.
function usher_user(): ?array
{
    session_start();
    return $_SESSION['user'] ?? null; // ['id' => 7, 'email' => 'user@example.com', 'name' => 'John Doe']
}

@php-sign@
$isScript = ($_SERVER['HTTP_X_REQUESTED_WITH'] ?? '') === 'XMLHttpRequest';
if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    http_response_code(405);
    header('Allow: POST');
    exit;
}
$user = usher_user();
header('Cache-Control: no-store, private'); // after session_start(), which has one of its own
if (!$user || empty($user['email'])) {
    if ($isScript) {
        http_response_code(401);
    } else {
        header('Location: ' . USHER_LOGIN, true, 303);
    }
    exit;
}
$fields = [
    'assertion' => usher_assertion($user),
    'email' => $user['email'],
    'name' => $user['name'] ?? '',
];
if ($isScript) {
    header('Content-Type: application/json');
    exit(json_encode($fields, JSON_THROW_ON_ERROR));
}
// Without usher.js: a page that goes on by itself.
header('Content-Type: text/html; charset=utf-8');
header('Referrer-Policy: strict-origin-when-cross-origin');
echo '<!doctype html><title>Support</title><form method="post" action="' . USHER_ACTION . '">';
foreach ($fields as $name => $value) {
    echo '<input type="hidden" name="', $name, '" value="', htmlspecialchars($value, ENT_QUOTES, 'UTF-8'), '">';
}
echo '<button>Continue to support</button></form><script>document.forms[0].submit()</script>';
