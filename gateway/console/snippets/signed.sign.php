function usher_assertion(array $user): string
{
    $secret = trim((string) getenv('USHER_SECRET'));
    if (strlen($secret) < 32) {
        throw new RuntimeException('USHER_SECRET is missing, or short');
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
            'sub' => (string) $user['id'],
            'email' => $user['email'],
            'name' => $user['name'] ?? '',
        ], JSON_THROW_ON_ERROR));
    return $text . '.' . $b64(hash_hmac('sha256', $text, $secret, true));
}
