<script>
    window.authUser = <?php echo json_encode([
        'email' => wp_get_current_user()->user_email,
        'name' => wp_get_current_user()->display_name,
    ]); ?>;
</script>
