<?php
// A must-use plugin of the test's: ways to be somebody without a password. What
// signing in and out does is WordPress's own.
add_action('init', function () {
	if (isset($_GET['as'])) {
		$user = get_user_by('login', 'user' . (int)$_GET['as']);
		wp_set_auth_cookie($user->ID);
		wp_safe_redirect(home_url('/?page_id=' . get_option('partner_page')));
		exit;
	}
	if (isset($_GET['out'])) {
		wp_logout();
		exit('signed out');
	}
});
