<?php
// support.php, on your server. It signs who is signed in here, posts that to the
// gateway, and sends the browser on: no script, and nothing of it in a page. The
// secret is that of the tenant's key, from the environment (USHER_SECRET).
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
// Where the browser goes on to, or null.
function usher_hand_off(array $user): ?string
{
    $answer = file_get_contents(USHER_ACTION, false, stream_context_create(['http' => [
        'method' => 'POST',
        'header' => "Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json",
        'content' => http_build_query([
            'assertion' => usher_assertion($user),
            'email' => $user['email'],
            'name' => $user['name'] ?? '',
            'response' => 'json',
        ]),
        'timeout' => 10,
        'follow_location' => 0,
        'ignore_errors' => true,
    ]]));
    $body = json_decode((string) $answer, true);
    if (isset($body['redirect_url'])) {
        return $body['redirect_url'];
    }
    $request = preg_grep('/^X-Request-Id:/i', $http_response_header ?? []);
    error_log('usher: ' . ($http_response_header[0] ?? 'no answer') . ' ' . ($body['code'] ?? '') . ' ' .
        ($body['hint'] ?? '') . ' ' . implode($request));
    return null;
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    http_response_code(405);
    header('Allow: POST');
    exit;
}
$user = usher_user();
header('Cache-Control: no-store, private'); // after session_start(), which has one of its own
header('Referrer-Policy: no-referrer');
$url = !$user || empty($user['email']) ? USHER_LOGIN : usher_hand_off($user);
if ($url === null) {
    http_response_code(503);
    exit('Support cannot be reached right now. Please try again.');
}
header('Location: ' . $url, true, 303);
