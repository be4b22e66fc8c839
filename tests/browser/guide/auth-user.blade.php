<script>
    // Expose authenticated user data to JavaScript
    window.authUser = {
        email: '{{ $authUser?->email }}',
        name: '{{ $authUser?->name }}',
        // Add any additional fields you want to pass
    };

    // Store in localStorage for persistence (optional)
    if (window.authUser && window.authUser.email) {
        localStorage.setItem('yourcompany_user_email', window.authUser.email);
        localStorage.setItem('yourcompany_user_name', window.authUser.name || '');
    }
</script>
