<?php
// common: what the two peers in PHP share: the token, and the one transaction of
// an arrival.  $config is settings() of peers.mjs.
namespace Peer;

final class Token
{
	private const HEADER = '{"alg":"dir","enc":"A256GCM","kid":"1"}';

	public static function encode(string $s): string
	{
		return rtrim(strtr(base64_encode($s), '+/', '-_'), '=');
	}

	public static function decode(string $s): string
	{
		return (string)base64_decode(strtr($s, '-_', '+/'), true);
	}

	/** `user`: the row's id, or null where the arrival makes it. */
	public static function seal(array $config, ?int $user, string $email, string $name, string $target): string
	{
		$now = time();
		// 48 bits of time, 80 of chance: rows come in order
		$jti = substr(pack('J', (int)(microtime(true) * 1000)), 2) . random_bytes(10);
		$claims = ['iss' => 'tickets', 'aud' => $config['tenant'], 'jti' => self::encode($jti), 'iat' => $now, 'exp' => $now + 120,
			'email' => $email, 'name' => $name, 'redirect_url' => $target];
		if ($user !== null)
			$claims['sub'] = (string)$user;
		$iv = random_bytes(12);
		$head = self::encode(self::HEADER);
		$text = openssl_encrypt(json_encode($claims, JSON_UNESCAPED_SLASHES), 'aes-256-gcm', hex2bin($config['key']), OPENSSL_RAW_DATA, $iv, $tag, $head, 16);
		return implode('.', [$head, '', self::encode($iv), self::encode($text), self::encode($tag)]);
	}

	public static function open(array $config, string $token): ?array
	{
		$parts = explode('.', $token);
		$head = self::encode(self::HEADER);
		if (count($parts) !== 5 || $parts[0] !== $head || $parts[1] !== '')
			return null;
		$iv = self::decode($parts[2]);
		$tag = self::decode($parts[4]);
		if (strlen($iv) !== 12 || strlen($tag) !== 16)
			return null;
		$text = openssl_decrypt(self::decode($parts[3]), 'aes-256-gcm', hex2bin($config['key']), OPENSSL_RAW_DATA, $iv, $tag, $head);
		$claims = $text === false ? null : json_decode($text, true);
		if (!$claims || $claims['aud'] !== $config['tenant'] || $claims['iss'] !== 'tickets' || $claims['exp'] <= time())
			return null;
		return $claims;
	}
}

final class Store
{
	public static function connect(array $config): \PDO
	{
		$db = new \PDO('sqlite:' . $config['database'], null, null,
			[\PDO::ATTR_PERSISTENT => true, \PDO::ATTR_ERRMODE => \PDO::ERRMODE_EXCEPTION, \PDO::ATTR_TIMEOUT => 10]);
		$db->exec('PRAGMA synchronous = FULL');
		return $db;
	}

	public static function upsert(\PDO $db, array $config, string $email, string $name): int
	{
		$s = $db->prepare('INSERT INTO users(tenant, email, name, updated) VALUES(?, ?, ?, ?)
			ON CONFLICT(tenant, email) DO UPDATE SET name = excluded.name, updated = excluded.updated RETURNING id');
		$s->execute([$config['tenant'], $email, $name, time()]);
		$id = (int)$s->fetchColumn();
		$s->closeCursor();
		return $id;
	}

	/** The session's cookie, or null for a token that was used. */
	public static function arrive(\PDO $db, array $config, array $claims): ?string
	{
		$secret = random_bytes(24);
		$db->exec('BEGIN IMMEDIATE');
		try {
			$s = $db->prepare('INSERT INTO redemptions(jti, expires) VALUES(?, ?)');
			$s->bindValue(1, Token::decode($claims['jti']), \PDO::PARAM_LOB);
			$s->bindValue(2, $claims['exp'], \PDO::PARAM_INT);
			$s->execute();
			$user = $config['arrival'] ? self::upsert($db, $config, $claims['email'], $claims['name']) : (int)$claims['sub'];
			$s = $db->prepare('INSERT INTO sessions(secret, user, expires) VALUES(?, ?, ?)');
			$s->bindValue(1, hash('sha256', $secret, true), \PDO::PARAM_LOB);
			$s->bindValue(2, $user, \PDO::PARAM_INT);
			$s->bindValue(3, time() + 28800, \PDO::PARAM_INT);
			$s->execute();
			$id = (int)$db->lastInsertId();
			$db->exec('COMMIT');
		} catch (\PDOException $e) {
			$db->exec('ROLLBACK');
			if (($e->errorInfo[1] ?? 0) !== 19)
				throw $e;
			return null;
		}
		return '__Host-usher=' . Token::encode(pack('J', $id) . $secret) . '; Path=/; Secure; HttpOnly; SameSite=None';
	}

	public static function isTarget(array $config, string $url): bool
	{
		return $url === $config['url'] || strncmp($url, $config['url'] . '/', strlen($config['url']) + 1) === 0;
	}
}
