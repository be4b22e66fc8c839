<?php
// A new site: install.php THEME, and users as JSON on standard input. Answers
// with the page that has the shortcode, and whom WordPress knows by now.
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = 'alpha.test';
$_SERVER['HTTPS'] = 'on';
require getenv('PARTNER_BASE') . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
if (!is_blog_installed()) {
	wp_install('Site', 'admin', 'admin@example.com', true, '', 'not-a-secret');
	update_option('siteurl', 'https://alpha.test');
	update_option('home', 'https://alpha.test');
	update_option('partner_page', wp_insert_post(['post_type' => 'page', 'post_status' => 'publish', 'post_title' => 'Help',
		'post_content' => "<!-- wp:paragraph --><p>Before the button.</p><!-- /wp:paragraph -->\n\n<!-- wp:shortcode -->[contact_support]<!-- /wp:shortcode -->\n\n" .
			'<!-- wp:paragraph --><p>After the button.</p><!-- /wp:paragraph -->']));
}
switch_theme($argv[1]);
global $wpdb;
$known = [];
foreach (json_decode(stream_get_contents(STDIN)) as $user) {
	$id = username_exists('user' . $user->id);
	if (!$id) {
		$id = wp_insert_user(['user_login' => 'user' . $user->id, 'user_pass' => 'not-a-secret', 'user_email' => $user->email, 'display_name' => $user->name]);
		if (is_wp_error($id))
			throw new Exception($id->get_error_message());
		// What the filters of WordPress would change, as an importer leaves it.
		if ($user->name === '' || strpos($user->name, '<') !== false || strpos($user->name, '&amp;') !== false || strpos($user->name, '\\') !== false)
			$wpdb->update($wpdb->users, ['display_name' => _wp_specialchars($user->name, ENT_QUOTES, 'UTF-8', true)], ['ID' => $id]);
	}
	$known[] = $wpdb->get_row($wpdb->prepare("SELECT user_email, display_name FROM $wpdb->users WHERE ID = %d", $id));
}
echo json_encode(['page' => get_option('partner_page'), 'users' => $known]);
