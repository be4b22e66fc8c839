<?php
// In your theme's functions.php (without the line above), or as a file of its
// own in wp-content/mu-plugins/.

// Who is signed in, or null. WordPress keeps both with & < > " ' escaped.
$contact_support_user = function () {
    if (!is_user_logged_in()) return null;
    $user = wp_get_current_user();
    return [
        'email' => wp_specialchars_decode($user->user_email, ENT_QUOTES),
        'name' => wp_specialchars_decode($user->display_name, ENT_QUOTES),
@assertion-php@
    ];
};

add_action('wp_footer', function () use ($contact_support_user) {
    $flags = JSON_HEX_TAG | JSON_HEX_AMP | JSON_HEX_APOS | JSON_HEX_QUOT;
    ?>
<script>
    window.authUser = <?php echo wp_json_encode($contact_support_user(), $flags); ?>;
    // Back, after a sign-out: who is there now?
    if (window.authUser) addEventListener('pageshow', function (event) {
        if (event.persisted) location.reload();
    });
</script>
<script async src="@script@"
        integrity="@integrity@"
        crossorigin="anonymous" data-tenant="@tenant@"></script>
    <?php
});

// Pages that somebody is signed in on stay in no cache, neither the browser's
// nor a plugin's: after a sign-out, Back would show them.
add_filter('wp_headers', function ($headers) {
    if (is_user_logged_in()) {
        defined('DONOTCACHEPAGE') || define('DONOTCACHEPAGE', true);
        $headers['Cache-Control'] = 'no-store, private';
    }
    return $headers;
}, PHP_INT_MAX);

// [contact_support] in any page or post. A form, so that it works before
// usher.js is there, and where it cannot be loaded.
add_shortcode('contact_support', function () use ($contact_support_user) {
    $user = $contact_support_user();
    if (!$user) {
        return sprintf('<div><a class="wp-element-button" href="%s">Contact support</a></div>',
            esc_url(wp_login_url(get_permalink())));
    }
    if ($user['email'] === '') {
        return sprintf('<div><a href="%s">To contact support, add an e-mail address to your profile.</a></div>',
            esc_url(get_edit_profile_url()));
    }
    $fields = '';
    foreach ($user as $name => $value) {
        // not esc_attr(), which takes "&amp;" for escaped already
        $fields .= sprintf('<input type="hidden" name="%s" value="%s">',
            $name, htmlspecialchars((string)$value, ENT_QUOTES, 'UTF-8'));
    }
    return '<form method="post" action="@action@"' .
        ' target="_blank" rel="noopener" accept-charset="UTF-8" autocomplete="off">' . $fields .
        '<button class="wp-element-button" data-usher="form">Contact support</button></form>';
});
