<?php
// plain: the sign-in in PHP without a framework.
require __DIR__ . '/common.php';
use Peer\{Store, Token};

$config = require $_SERVER['PEER_CONFIG'];

function answer(int $status, string $message): void
{
	http_response_code($status);
	header('Content-Type: application/json');
	echo json_encode(['message' => $message]);
	exit;
}

function send_on(string $url): void
{
	header('Location: ' . $url, true, 302);
	exit;
}

function handoff(array $config, string $tenant): void
{
	$origin = $_SERVER['HTTP_ORIGIN'] ?? '';
	if (in_array($origin, $config['origins'], true)) {
		header('Access-Control-Allow-Origin: ' . $origin);
		foreach ($config['cors'] as $name => $value)
			header("$name: $value");
	}
	if ($tenant !== $config['tenant'])
		answer(404, 'Tenant not found.');
	$used = apcu_inc($config['database'] . $_SERVER['REMOTE_ADDR'], 1, $ok, $config['per']);
	header('X-RateLimit-Limit: ' . $config['limit']);
	header('X-RateLimit-Remaining: ' . max($config['limit'] - $used, 0));
	if ($used > $config['limit'])
		answer(429, 'Too many requests.');
	$fields = strncmp($_SERVER['CONTENT_TYPE'] ?? '', 'application/json', 16) === 0 ? json_decode(file_get_contents('php://input'), true) : $_POST;
	[$email, $name, $target] = array_map(fn ($n) => is_string($fields[$n] ?? '') ? trim($fields[$n] ?? '') : '', ['email', 'name', 'redirect_url']);
	$email = strtolower($email);
	if (strlen($email) > 254 || !filter_var($email, FILTER_VALIDATE_EMAIL) || $name === '' || mb_strlen($name) > 255 ||
	    ($target !== '' && !Store::isTarget($config, $target)))
		answer(422, 'The given data was invalid.');
	$user = $config['arrival'] ? null : Store::upsert(Store::connect($config), $config, $email, $name);
	send_on($config['url'] . '/auth/callback?token=' . Token::seal($config, $user, $email, $name, $target));
}

function callback(array $config): void
{
	$claims = Token::open($config, (string)($_GET['token'] ?? ''));
	if (!$claims)
		answer(401, 'Token invalid');
	$cookie = Store::arrive(Store::connect($config), $config, $claims);
	if ($cookie === null)
		answer(410, 'Token used');
	header('Set-Cookie: ' . $cookie);
	send_on($claims['redirect_url'] ?: $config['url'] . '/dashboard');
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$isHandoff = preg_match('~^/api/auth/redirect/([^/]+)$~', $path, $m);
header('X-Request-Id: ' . bin2hex(random_bytes(13)));
foreach ($config[$isHandoff ? 'handoff' : 'callback'] as $name => $value)
	header("$name: $value");
if ($isHandoff)
	handoff($config, $m[1]);
elseif ($path === '/auth/callback')
	callback($config);
else
	answer(404, 'Not found.');
