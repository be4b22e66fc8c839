<script>
    window.authUser = @json([
        'email' => Auth::user()?->email,
        'name' => Auth::user()?->name,
    ]);
</script>
