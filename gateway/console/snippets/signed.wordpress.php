<?php
// In wp-content/mu-plugins/, a file of its own. The secret of the tenant's key goes
// into wp-config.php, and into no page: define('USHER_SECRET', '...');

// Signs who is signed in here, at the click.
$contact_support_sign = function () {
    nocache_headers();
    header('Cache-Control: no-store, private');
    $is_script = ($_SERVER['HTTP_X_REQUESTED_WITH'] ?? '') === 'XMLHttpRequest';
    $user = wp_get_current_user();
    if ($_SERVER['REQUEST_METHOD'] !== 'POST' || ($user->ID && !check_ajax_referer('contact_support', false, false))) {
        wp_die('Please reload the page that you came from.', 403);
    }
    if (!$user->ID || $user->user_email === '') {
        if ($is_script) wp_die('Please sign in.', 401);
        wp_redirect($user->ID ? get_edit_profile_url() : wp_login_url(wp_get_referer() ?: home_url()), 303);
        exit;
    }
    $secret = trim(defined('USHER_SECRET') ? USHER_SECRET : (string) getenv('USHER_SECRET'));
    if (strlen($secret) < 32) throw new RuntimeException('USHER_SECRET is missing, or short');
    // WordPress keeps both with & < > " ' escaped.
    $fields = [
        'email' => wp_specialchars_decode($user->user_email, ENT_QUOTES),
        'name' => wp_specialchars_decode($user->display_name, ENT_QUOTES),
    ];
    $b64 = fn ($x) => rtrim(strtr(base64_encode($x), '+/', '-_'), '=');
    $now = time();
    $text = $b64(wp_json_encode(['alg' => 'HS256', 'kid' => @kid-php@])) . '.' . $b64(wp_json_encode([
        'iss' => @issuer-php@,
        'aud' => '@tenant@',
        'iat' => $now,
        'exp' => $now + 60,
        'jti' => bin2hex(random_bytes(16)), // new each time
        'sub' => (string) $user->ID,
    ] + $fields));
    $fields['assertion'] = $text . '.' . $b64(hash_hmac('sha256', $text, $secret, true));
    if ($is_script) {
        header('Content-Type: application/json');
        echo wp_json_encode($fields);
        exit;
    }
    // Without usher.js: a page that goes on by itself.
    header('Content-Type: text/html; charset=utf-8');
    header('Referrer-Policy: strict-origin-when-cross-origin');
    echo '<!doctype html><title>Support</title><form method="post" action="@action@">';
    foreach ($fields as $name => $value) {
        // not esc_attr(), which takes "&amp;" for escaped already
        printf('<input type="hidden" name="%s" value="%s">', $name, htmlspecialchars($value, ENT_QUOTES, 'UTF-8'));
    }
    echo '<button>Continue to support</button></form><script>document.forms[0].submit()</script>';
    exit;
};
add_action('wp_ajax_contact_support', $contact_support_sign);
add_action('wp_ajax_nopriv_contact_support', $contact_support_sign);

// Pages that somebody is signed in on stay in no cache, neither the browser's
// nor a plugin's: what is in them is good for their user alone.
add_filter('wp_headers', function ($headers) {
    if (is_user_logged_in()) {
        defined('DONOTCACHEPAGE') || define('DONOTCACHEPAGE', true);
        $headers['Cache-Control'] = 'no-store, private';
    }
    return $headers;
}, PHP_INT_MAX);

// [contact_support] in any page or post. A form to this site, so that it works
// before usher.js is there, and where it cannot be loaded.
add_shortcode('contact_support', function () {
    $login = wp_login_url(get_permalink());
    $user = wp_get_current_user();
    if (!$user->ID) {
        return sprintf('<div><a class="wp-element-button" href="%s">Contact support</a></div>', esc_url($login));
    }
    if ($user->user_email === '') {
        return sprintf('<div><a href="%s">To contact support, add an e-mail address to your profile.</a></div>',
            esc_url(get_edit_profile_url()));
    }
    $sign = esc_url(admin_url('admin-ajax.php?action=contact_support', 'relative'));
    return '<script async src="@script@"' .
        ' integrity="@integrity@"' .
        ' crossorigin="anonymous" data-tenant="@tenant@"></script>' .
        '<form method="post" action="' . $sign . '" target="_blank">' .
        wp_nonce_field('contact_support', '_wpnonce', true, false) .
        '<button class="wp-element-button" data-usher="form" data-usher-sign="' . $sign .
        '" data-usher-login="' . esc_url($login) . '">Contact support</button></form>';
});
